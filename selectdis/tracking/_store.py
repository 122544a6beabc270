"""Applies entries to an MLflow server or database, through an `MlflowClient` of its own."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from selectdis._redaction import redacted
from selectdis.errors import SelectdisError, nearest
from selectdis.tracking._champion import CHAMPION, content_digest, model_name, save_model
from selectdis.tracking._entries import digest_of
from selectdis.tracking._environment import quieten_mlflow

__all__ = ["Store", "check_uri", "default_uri"]

Entry = Mapping[str, Any]
Key = tuple[str, str, str]  # stage, data set, candidate ("" for the stage itself)

_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc")
_BATCH = 1_000  # metrics, parameters and tags that MLflow takes at once
_IDENTITY = ("selectdis.stage", "selectdis.dataset", "selectdis.candidate")


def default_uri(folder: Path) -> str:
    """Return the URI of the database in the study's folder."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def check_uri(uri: str | None) -> None:
    """Refuse a `uri` of a kind that MLflow, with its plugins, does not know.

    Raises
    ------
    SelectdisError
        With the kinds that a study can be shown at.
    """
    found = re.match(r"([a-z][a-z0-9.-]+)(\+\w+)?:", uri or "", re.IGNORECASE)
    scheme = found[1].lower() if found else ""
    plugins = {point.name for point in entry_points(group="mlflow.tracking_store")}
    if scheme and scheme not in {*_SCHEMES, *plugins}:
        raise SelectdisError(
            f"MLflow knows no tracking server at {redacted(str(uri))!r}; give http://HOST:PORT, https://..., or a "
            f"database such as sqlite:///FILE or postgresql://...{nearest(scheme, _SCHEMES)}"
        )


class Store:
    """An experiment: a parent run per stage, a child run per candidate.

    Nothing global is touched: no active run, no tracking URI. What is there already is found by its tags, so that an
    entry that comes twice changes nothing the second time.

    Parameters
    ----------
    experiment : name of the study.
    folder : the study's folder, to which the paths in entries are relative.
    uri : of the tracking server or database; by default the one in `folder`, with artifacts beside it.
    """

    def __init__(self, experiment: str, folder: Path, uri: str | None = None) -> None:
        quieten_mlflow()
        from mlflow import MlflowClient

        self.folder = folder
        self.experiment = experiment
        uri = uri or default_uri(folder)
        self._is_server = uri.startswith(("http://", "https://"))
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        artifacts = (folder / "artifacts").resolve().as_uri() if uri == default_uri(folder) else None
        self.experiment_id = self._find_experiment(artifacts)
        self._runs: dict[Key, str] | None = None
        self._tags: dict[str, dict[str, str]] = {}

    def apply(self, entry: Entry) -> None:
        """Do what `entry` says."""
        kinds: dict[str, Callable[[Entry], None]] = {
            "stage": self._start_stage,
            "run": self._log_run,
            "scores": self._log_scores,
            "files": self._log_files,
            "champion": self._register,
            "finish": self._finish_stage,
        }
        kinds[entry["kind"]](entry)

    def forget_runs(self) -> None:
        """Mark all runs of the experiment as deleted (MLflow keeps them until `mlflow gc`)."""
        for run_id in self._known_runs().values():
            self.client.delete_run(run_id)
        self._runs, self._tags = None, {}

    # The kinds of entry ----------------------------------------------------------------------------------------------

    def _start_stage(self, entry: Entry) -> None:
        for name, value in (("note.content", entry["study_note"]), ("experimentKind", "custom_model_development")):
            self.client.set_experiment_tag(self.experiment_id, f"mlflow.{name}", value)
        run_id = self._run(entry, parent=True)
        self._log(run_id, tags={**entry["tags"], "mlflow.note.content": entry["note"]})
        self._log_input(run_id, entry["input"])
        self.client.update_run(run_id, status="RUNNING")

    def _log_run(self, entry: Entry) -> None:
        content = {name: entry[name] for name in ("parameters", "scores", "curves", "status")}
        run_id = self._run(entry)
        if self._is_done(run_id, "run", content):
            return
        metrics = _final(entry["scores"], entry["end"])
        metrics += _timed_curves(entry)
        # A run's parameters follow from its candidate: logged once, they cannot change (MLflow refuses it).
        parameters = {} if "selectdis.run" in self._tags[run_id] else entry["parameters"]
        self._log_input(run_id, entry["input"])
        self.client.set_terminated(run_id, status=entry["status"], end_time=entry["end"])
        done = {"selectdis.run": digest_of(content)}  # last, and in the same request: a request costs ten milliseconds
        self._log(run_id, metrics, parameters, {**entry["tags"], **done})
        self._tags[run_id] |= done

    def _log_scores(self, entry: Entry) -> None:
        for candidate, scores in entry["rows"].items():
            run_id = self._run({**entry, "candidate": candidate})
            if not self._is_done(run_id, "scores", scores):
                self._log(run_id, _final(scores, entry["time"]))
                self._mark_done(run_id, "scores", scores)

    def _log_files(self, entry: Entry) -> None:
        run_id = self._run(entry)
        files = sorted(path for path in (self.folder / entry["files"]).rglob("*") if path.is_file())
        content = {path.name: content_digest(path) for path in files}
        if files and not self._is_done(run_id, "files", content):
            self.client.log_artifacts(run_id, str(self.folder / entry["files"]), entry["target"])
            self._mark_done(run_id, "files", content)

    def _finish_stage(self, entry: Entry) -> None:
        run_id = self._run(entry, parent=True)
        self._log(run_id, _final(entry["scores"], entry["time"]))
        self.client.set_terminated(run_id, status="FINISHED", end_time=entry["time"])

    def _register(self, entry: Entry) -> None:
        """Register the picked run as a model with signature and the alias ``champion``."""
        name = model_name(self.experiment, entry["dataset"])
        file = self.folder / entry["file"]
        digest = content_digest(file)
        previous = self._champion(name)
        run_id = self._run(entry)
        if previous is not None:
            if previous.tags.get("selectdis.digest") == digest and previous.run_id == run_id:
                return
            self._untag(previous.run_id)
        self._log(run_id, tags={"selectdis.champion": "true", "mlflow.note.content": entry["note"]})
        model = self._log_model(run_id, file, entry)
        self._ensure_registered(name, entry["note"])
        version = self.client.create_model_version(
            name,
            # A database looks `models:/` up at the global tracking URI, which need not be this one.
            f"models:/{model.model_id}" if self._is_server else model.artifact_location,
            run_id,
            tags={"selectdis.digest": digest, "selectdis.candidate": entry["candidate"]},
            description=entry["note"],
            await_creation_for=10,
            model_id=model.model_id,
        )
        self.client.set_registered_model_alias(name, CHAMPION, version.version)

    # Runs ------------------------------------------------------------------------------------------------------------

    def _run(self, entry: Entry, *, parent: bool = False) -> str:
        """Return the id of the run of the entry's stage or candidate, which is made where it is missing."""
        key = (entry["stage"], entry["dataset"], "" if parent else entry["candidate"])
        runs = self._known_runs()
        if key not in runs:
            tags = dict(zip(_IDENTITY, key, strict=True))
            if not parent:
                tags["mlflow.parentRunId"] = self._run(entry, parent=True)
            name = f"{entry['stage']} · {entry['dataset']}" if parent else entry["candidate"]
            run = self.client.create_run(self.experiment_id, entry.get("start"), tags, name)
            runs[key], self._tags[run.info.run_id] = run.info.run_id, tags
        return runs[key]

    def _known_runs(self) -> dict[Key, str]:
        """All runs of the experiment by what they are; asked of the server once."""
        if self._runs is not None:
            return self._runs
        found: dict[Key, str] = {}
        token: str | None = None
        while token != "":
            page = self.client.search_runs([self.experiment_id], max_results=1_000, page_token=token)
            for run in page:
                stage, dataset, candidate = (run.data.tags.get(name) for name in _IDENTITY)
                if stage and dataset and candidate is not None:
                    found[stage, dataset, candidate] = run.info.run_id
                    self._tags[run.info.run_id] = dict(run.data.tags)
            token = page.token or ""
        self._runs = found
        return found

    def _is_done(self, run_id: str, what: str, content: Any) -> bool:
        return self._tags[run_id].get(f"selectdis.{what}") == digest_of(content)

    def _mark_done(self, run_id: str, what: str, content: Any) -> None:
        self.client.set_tag(run_id, f"selectdis.{what}", digest_of(content))
        self._tags[run_id][f"selectdis.{what}"] = digest_of(content)

    def _log(
        self,
        run_id: str,
        metrics: Sequence[tuple[str, float, int, int]] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """One request where the limits of a batch allow it: a request per value costs ten times as much."""
        from mlflow.entities import Metric, Param, RunTag

        values = [Metric(*metric) for metric in metrics]
        params = [Param(name, value) for name, value in (parameters or {}).items()][:100]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()][:100]
        room = _BATCH - len(params) - len(labels)
        for start in range(room, len(values), _BATCH):
            self.client.log_batch(run_id, values[start : start + _BATCH])
        self.client.log_batch(run_id, values[:room], params, labels)

    def _log_input(self, run_id: str, data: Mapping[str, str]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if not data:  # of images that are gone
            return
        fields = {name: value for name, value in data.items() if name != "context"}
        context = InputTag("mlflow.data.context", data["context"])
        self.client.log_inputs(run_id, [DatasetInput(Dataset(**fields), [context])])

    # Experiment and registry -----------------------------------------------------------------------------------------

    def _find_experiment(self, artifacts: str | None) -> str:
        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            return self.client.create_experiment(self.experiment, artifact_location=artifacts)
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return found.experiment_id

    def _log_model(self, run_id: str, file: Path, entry: Entry) -> Any:
        from mlflow.entities import LoggedModelOutput

        model = self.client.create_logged_model(
            self.experiment_id, CHAMPION, run_id, model_type="encoder", params=entry["parameters"]
        )
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            save_model(folder, file, entry["image_shape"], entry["latents"], model.model_id, run_id)
            self.client.log_model_artifacts(model.model_id, str(folder))
        self.client.finalize_logged_model(model.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=entry["steps"])])
        return model

    def _champion(self, name: str) -> Any:
        from mlflow import MlflowException

        try:
            return self.client.get_model_version_by_alias(name, CHAMPION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
                return None
            raise

    def _ensure_registered(self, name: str, note: str) -> None:
        from mlflow import MlflowException

        try:
            self.client.create_registered_model(name, description=note)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
                raise

    def _untag(self, run_id: str) -> None:
        from mlflow import MlflowException

        try:
            self.client.delete_tag(run_id, "selectdis.champion")
        except MlflowException as error:  # the run, or its tag, was deleted by hand
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise


def _final(scores: Mapping[str, float], time: int) -> list[tuple[str, float, int, int]]:
    """Scores at step 0: with another step, MLflow would chart each as a curve of one point instead of a bar."""
    return [(key, value, time, 0) for key, value in scores.items()]


def _timed_curves(entry: Entry) -> list[tuple[str, float, int, int]]:
    """Curve points with the time that training must have been at, so that charts over time come out right."""
    start, duration, steps = entry["start"], entry["end"] - entry["start"], max(entry["steps"], 1)
    return [(key, value, start + duration * step // steps, step) for key, value, step in entry["curves"]]
