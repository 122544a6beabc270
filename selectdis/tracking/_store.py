"""What MLflow has of a study, and requests to a server or database through an `MlflowClient` of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from selectdis._redaction import redacted
from selectdis.errors import SelectdisError, nearest
from selectdis.tracking._environment import quieten_mlflow
from selectdis.tracking._own_database import (
    BELONGS,
    artifacts_uri,
    bring_default_inside,
    hide_empty_default,
    is_inside,
    mend_database,
    own_uri,
)

__all__ = ["ShownRun", "Store", "check_uri", "tracking_uri"]

_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc")
_BATCH = 1_000  # metrics, parameters and tags that MLflow takes at once
_STUDY, _KEY = "selectdis.study", "selectdis.key"  # tags: the study's id, and what of it a run is
_GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")
Metric = tuple[str, float, int, int]  # name, value, milliseconds, step


def tracking_uri(uri: str | None) -> str | None:
    """Return `uri`, else what MLflow's own variable says, else None: the database in the study's folder."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or None


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


@dataclass
class ShownRun:
    """A run as MLflow shows it."""

    id: str
    start: int
    status: str
    tags: dict[str, str]
    metrics: dict[str, float]
    parameters: set[str]


class Store:
    """The runs of one study, found by its id. Nothing global is touched: no active run, no tracking URI.

    Parameters
    ----------
    study_id, name : str
        The id is on every run; two studies of one name do not see each other's.
    folder : Path
        The study's, with the database that is taken without a `uri`.
    uri : str or None
        Of a tracking server or database.
    experiment : str or None
        Name of the experiment; by default ``MLFLOW_EXPERIMENT_NAME``, else the one that shows the study already, else
        the study's name.
    lock : callable
        Gives what is held while something is made, so that another process does not make it as well.
    """

    def __init__(
        self,
        study_id: str,
        name: str,
        folder: Path,
        uri: str | None,
        experiment: str | None,
        lock: Callable[[], AbstractContextManager[None]],
    ) -> None:
        quieten_mlflow()
        from mlflow import MlflowClient

        self.study_id, self.name, self._folder, self._lock = study_id, name, folder, lock
        uri = uri or own_uri(folder)
        self.is_server = uri.startswith(("http://", "https://"))
        self.is_own = uri == own_uri(folder)
        with lock():  # a database is made as it is opened
            if self.is_own:
                mend_database(folder, study_id)
            self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            if self.is_own:
                bring_default_inside(folder)
            self.experiment_id = self._find_experiment(experiment, artifacts_uri(folder) if self.is_own else None)
            if self.is_own:
                hide_empty_default(folder)
        self._runs: dict[str, ShownRun] = {}
        self._nameless: dict[str, ShownRun] = {}  # of version 0.1, which gave studies no id
        self.look()

    # Runs ------------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Ask MLflow for all runs of the study, in pages of a thousand."""
        # The database of a folder is small, and may hold runs without an id.
        query = "" if self.is_own else f"tags.`{_STUDY}` = '{self.study_id}'"
        self._runs, self._nameless = {}, {}
        for run in self._search(query):
            key = run.tags.get(_KEY, "")
            if run.tags.get(_STUDY) == self.study_id and key.startswith(f"{self.name}/"):
                if key in self._runs:  # a server that answered too late was asked twice to make it
                    self._delete(run)
                else:
                    self._runs[key] = run
            elif _STUDY not in run.tags and "selectdis.stage" in run.tags:
                self._nameless[_former_key(run.tags)] = run

    def find(self, key: str) -> ShownRun | None:
        """Return the run of `key`, if MLflow was seen to have it."""
        return self._runs.get(f"{self.name}/{key}")

    def stages(self) -> list[ShownRun]:
        """Return the parent runs of the stages: the proxies, then the targets, each in the order of their start."""
        parents = [run for run in self._runs.values() if run.tags.get("selectdis.candidate") == ""]
        return sorted(parents, key=lambda run: (run.tags.get("selectdis.stage") == "target", run.start))

    def forget(self, key: str) -> None:
        """Look for the run of `key` anew, next time."""
        self._runs.pop(f"{self.name}/{key}", None)

    def make(self, key: str, name: str, tags: Mapping[str, str], start: int) -> ShownRun:
        """Return the run of `key`, made unless anybody else has made it by now."""
        key = f"{self.name}/{key}"
        tags = {**tags, _STUDY: self.study_id, "selectdis.name": self.name, _KEY: key}
        with self._lock():
            found = next(self._search(f"tags.`{_STUDY}` = '{self.study_id}' and tags.`{_KEY}` = '{key}'"), None)
            if found is None:
                found = self._adopt(tags) or _shown(self.client.create_run(self.experiment_id, start, tags, name))
            if not found.id:
                raise ConnectionError("it makes runs without an id, and so is no MLflow server")
        self._runs[key] = found
        return found

    def _adopt(self, tags: Mapping[str, str]) -> ShownRun | None:
        """Take over the run that version 0.1 made in this folder."""
        run = self._nameless.pop(_former_key(tags), None)
        if run is not None:
            self.log(run, tags=tags)
        return run

    def log(
        self,
        run: ShownRun,
        metrics: Sequence[Metric] = (),
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """One request where the limits of a batch allow it: a request per value costs ten times as much."""
        from mlflow.entities import Metric, Param, RunTag

        values = [Metric(*metric) for metric in metrics]
        # A run's parameters follow from its candidate, and MLflow refuses to change them.
        params = [Param(*item) for item in (parameters or {}).items() if item[0] not in run.parameters][:100]
        labels = [RunTag(*item) for item in (tags or {}).items() if run.tags.get(item[0]) != item[1]][:100]
        room = _BATCH - len(params) - len(labels)
        for start in range(room, len(values), _BATCH):
            self._log_batch(run.id, values[start : start + _BATCH])
        if values or params or labels:
            self._log_batch(run.id, values[:room], params, labels)  # tags last: they say that it is all there
        run.metrics |= {metric[0]: metric[1] for metric in metrics}
        run.parameters |= {param.key for param in params}
        run.tags |= tags or {}

    def _log_batch(self, *batch: Any) -> None:
        """Log a batch; where another process sent the same at this moment, again: by now MLflow finds it there."""
        from mlflow import MlflowException

        try:
            self.client.log_batch(*batch)
        except MlflowException as error:
            if not re.search("unique constraint", str(error), re.IGNORECASE):
                raise
            self.client.log_batch(*batch)

    def rename(self, run: ShownRun, name: str) -> None:
        """Give a run a name, unless it has it."""
        if run.tags.get("mlflow.runName") != name:
            self.client.update_run(run.id, name=name)
            run.tags["mlflow.runName"] = name

    def remove_tag(self, run: ShownRun, name: str) -> None:
        """Take a tag from a run, which another process may have done by now."""
        from mlflow import MlflowException

        try:
            self.client.delete_tag(run.id, name)
        except MlflowException as error:
            if error.error_code not in _GONE:
                raise
        run.tags.pop(name, None)

    def log_input(self, run: ShownRun, data: Mapping[str, str]) -> None:
        """Log a data set, unless its images are gone."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if data:
            fields = {name: value for name, value in data.items() if name != "context"}
            context = InputTag("mlflow.data.context", data["context"])
            self.client.log_inputs(run.id, [DatasetInput(Dataset(**fields), [context])])

    def send_pictures(self, run: ShownRun, files: str) -> None:
        """Log the files of a folder as pictures of a run."""
        self._check_place(self.client.get_run(run.id).info.artifact_uri)
        self.client.log_artifacts(run.id, files, "pictures")

    def send_model(self, model_id: str, files: str) -> None:
        """Log the files of a folder as a logged model."""
        self._check_place(self.client.get_logged_model(model_id).artifact_location)
        self.client.log_model_artifacts(model_id, files)

    def _check_place(self, place: str) -> None:
        """Refuse files that a database in a study's folder, which may come from anybody, would have out of there."""
        if self.is_own and not is_inside(self._folder, place):
            raise SelectdisError(
                f"the database {self._folder / 'mlflow.db'} would have files of the study written to {place!r:.200}, "
                "outside its folder: remove that database, and `selectdis track` makes it again"
            )

    def set_status(self, run: ShownRun, status: str, end: int | None = None) -> None:
        """Say how a run stands, if MLflow does not say so already."""
        if run.status != status:
            if end is None:
                self.client.update_run(run.id, status=status)
            else:
                self.client.set_terminated(run.id, status=status, end_time=end)
            run.status = status

    def delete_runs(self) -> None:
        """Mark the study's runs as deleted (MLflow keeps them until `mlflow gc`); nobody else's."""
        for run in (*self._runs.values(), *self._nameless.values()):
            self._delete(run)
        self._runs, self._nameless = {}, {}

    def _delete(self, run: ShownRun) -> None:
        from mlflow import MlflowException

        try:
            self.client.delete_run(run.id)
        except MlflowException as error:  # by another process, a moment ago
            if error.error_code not in _GONE:
                raise

    def _search(self, query: str) -> Iterator[ShownRun]:
        token: str | None = None
        while token != "":
            page = self.client.search_runs(
                [self.experiment_id],
                query,
                max_results=1_000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            yield from map(_shown, page)
            token = page.token or ""

    # The experiment --------------------------------------------------------------------------------------------------

    def _find_experiment(self, wanted: str | None, artifacts: str | None) -> str:
        name = wanted or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        mine = f"{BELONGS}{self.study_id}"
        if not name:
            found = self.client.search_experiments(filter_string=f"tags.`{mine}` = '{self.name}'")
            if found:
                return self._entered(found[-1])
        found_by_name = self.client.get_experiment_by_name(name or self.name)
        if found_by_name is None:
            made = self.client.create_experiment(name or self.name, artifact_location=artifacts)
            return self._entered(self.client.get_experiment(made))
        if found_by_name.lifecycle_stage == "deleted":
            self.client.restore_experiment(found_by_name.experiment_id)
        return self._entered(found_by_name)

    def _entered(self, experiment: Any) -> str:
        """Note that the study is shown in an experiment, which it may share with others."""
        mine, identity = f"{BELONGS}{self.study_id}", str(experiment.experiment_id)
        self.tags = dict(experiment.tags)
        self.set_tag(mine, self.name, of=identity)
        self.is_alone = experiment.name == self.name and {k for k in self.tags if k.startswith(BELONGS)} == {mine}
        return identity

    def set_tag(self, name: str, value: str, *, of: str | None = None) -> None:
        """Set a tag of the experiment, if it does not have it."""
        if self.tags.get(name) != value:
            self.client.set_experiment_tag(of or self.experiment_id, name, value)
            self.tags[name] = value


def _former_key(tags: Mapping[str, str]) -> str:
    """Say what a run is as version 0.1 did."""
    return "/".join(tags.get(f"selectdis.{name}", "") for name in ("stage", "dataset", "candidate"))


def _shown(run: Any) -> ShownRun:
    data = run.data
    return ShownRun(
        id=run.info.run_id or "",
        start=run.info.start_time or 0,
        status=run.info.status,
        tags=dict(data.tags),
        metrics={name: value for name, value in data.metrics.items() if not name.startswith("curve/")},
        parameters=set(data.params),
    )
