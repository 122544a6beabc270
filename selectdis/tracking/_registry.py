"""The picked run in MLflow's registry: a model of the study's own, whose best version has the alias ``champion``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selectdis.tracking._champion import CHAMPION, model_name, save_model
from selectdis.tracking._store import ShownRun, Store

__all__ = ["Champion", "champion_of", "register"]

_STUDY = "selectdis.study"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
_THERE = ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")


class Champion(NamedTuple):
    """What is registered of a picked run."""

    candidate: str
    digest: str  # of its record
    file: Path
    note: str
    parameters: dict[str, str]
    image_shape: tuple[int, ...]
    latents: int
    steps: int


def champion_of(store: Store, dataset: str) -> Any:
    """Return the version that is the champion on `dataset`, or None."""
    for name in _names(store, dataset):
        model = _known(store.client.get_registered_model, name)
        if model is not None and _is_ours(store, model):
            return _known(store.client.get_model_version_by_alias, name, CHAMPION)
    return None


def register(store: Store, run: ShownRun, dataset: str, champion: Champion) -> None:
    """Register the picked run as a model with signature, and give it the alias ``champion``."""
    previous = champion_of(store, dataset)
    if previous is not None and previous.run_id != run.id:
        _untag(store, previous.run_id)
    store.log(run, tags={"selectdis.champion": "true", "mlflow.note.content": champion.note})
    model = _log_model(store, run, champion)
    name = _own_name(store, dataset, champion.note)
    version = store.client.create_model_version(
        name,
        # A database looks `models:/` up at the global tracking URI, which need not be this one.
        f"models:/{model.model_id}" if store.is_server else model.artifact_location,
        run.id,
        tags={"selectdis.digest": champion.digest, "selectdis.candidate": champion.candidate},
        description=champion.note,
        await_creation_for=10,
        model_id=model.model_id,
    )
    store.client.set_registered_model_alias(name, CHAMPION, version.version)


def _names(store: Store, dataset: str) -> tuple[str, str]:
    """Return what the model is called, and what where another study has that name."""
    name = model_name(store.name, dataset)
    return name, f"{name}-{store.study_id[:8]}"


def _own_name(store: Store, dataset: str, note: str) -> str:
    """Return the name of the study's model, made where it is missing."""
    from mlflow import MlflowException

    plain, own = _names(store, dataset)
    for name in (plain, own):
        try:
            store.client.create_registered_model(name, {_STUDY: store.study_id}, note)
        except MlflowException as error:
            if error.error_code not in _THERE:
                raise
        else:
            return name
        model = store.client.get_registered_model(name)
        if _is_ours(store, model):
            store.client.set_registered_model_tag(name, _STUDY, store.study_id)
            return name
    return own


def _is_ours(store: Store, model: Any) -> bool:
    """Whether a model is this study's: version 0.1 did not say whose it is, which matters on a server alone."""
    return model.tags.get(_STUDY, store.study_id if store.is_own else None) == store.study_id


def _log_model(store: Store, run: ShownRun, champion: Champion) -> Any:
    from mlflow.entities import LoggedModelOutput

    parameters: Mapping[str, str] = champion.parameters
    model = store.client.create_logged_model(
        store.experiment_id, CHAMPION, run.id, model_type="encoder", params=dict(parameters)
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_model(folder, champion.file, champion.image_shape, champion.latents, model.model_id, run.id)
        store.send_model(model.model_id, str(folder))
    store.client.finalize_logged_model(model.model_id, "READY")
    store.client.log_outputs(run.id, [LoggedModelOutput(model.model_id, step=champion.steps)])
    return model


def _untag(store: Store, run_id: str) -> None:
    from mlflow import MlflowException

    try:
        store.client.delete_tag(run_id, "selectdis.champion")
    except MlflowException as error:  # the tag, or the run, is deleted
        if error.error_code not in _MISSING:
            raise


def _known(ask: Any, *arguments: str) -> Any:
    from mlflow import MlflowException

    try:
        return ask(*arguments)
    except MlflowException as error:
        if error.error_code in _MISSING:
            return None
        raise
