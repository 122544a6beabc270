"""A study: search on the labelled proxy, transfer to the target, everything kept in one folder."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from selectdis import selection
from selectdis.data import ImageDataset
from selectdis.data._reference import DataReference, fitting_options
from selectdis.errors import SelectdisError
from selectdis.execution._study_jobs import default_n_jobs, device_here, run_jobs
from selectdis.records._settings import with_settings
from selectdis.scoring._files import model_path
from selectdis.scoring._scorer import check_split
from selectdis.spec._model import StudySpec, check_spec, read_spec, with_preset
from selectdis.spec._score_names import check_names
from selectdis.study._importances import importances_of
from selectdis.study._listener import Listener, Listeners, StageInfo
from selectdis.study._locks import driver_lock
from selectdis.study._queue import planned, warm_start
from selectdis.study._retry import with_patience
from selectdis.study._search import ENQUEUED, make_sampler, params_of
from selectdis.study._stage import Stage
from selectdis.study._storage import LOST_AFTER, open_storage
from selectdis.study._transfer import Transfer
from selectdis.study._trial_values import directions
from selectdis.training import Run
from selectdis.training._runtime import compute_settings

__all__ = ["Study"]

# Changing one of these makes runs that cannot be compared with those that are there already.
FIXED = ("training", "evaluation", "optimise")


class Study:
    """Search on a labelled proxy and transfer to an unlabelled target, kept in one folder and resumed by itself.

    Parameters
    ----------
    spec : StudySpec or dict
        What a study file says; see `docs/studies.md`.
    folder : path, optional
        Where everything is kept; by default ``runs/<name>``.
    jobs : int, optional
        Processes on this machine; by default one a core, or one on a GPU.
    scheduler : str, optional
        Address of a Dask scheduler to send the cohorts to.
    storage : str, optional
        A PostgreSQL URL that several drivers share; by default the journal ``study.log`` in the folder.
    lost_after : int
        Seconds without a sign of life after which a driver that shares the storage counts as dead.

    Examples
    --------
    >>> study = Study.from_file("studies/quickstart.yaml").run()      # doctest: +SKIP
    >>> study.leaderboard().head()                                     # doctest: +SKIP
    >>> best = study.transfer(target="digits").best                    # doctest: +SKIP
    """

    def __init__(
        self,
        spec: StudySpec | dict[str, Any],
        *,
        folder: str | Path | None = None,
        jobs: int | None = None,
        scheduler: str | None = None,
        storage: str | None = None,
        lost_after: int = LOST_AFTER,
    ) -> None:
        self.spec = spec if isinstance(spec, StudySpec) else check_spec(with_preset(spec))
        self.folder = Path(folder or Path("runs") / self.spec.name)
        self.jobs = jobs
        self.scheduler = scheduler
        self.storage_url = storage or self.spec.storage
        self.lost_after = lost_after
        self._open_storage: BaseStorage | None = None

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> Study:
        """The study that the YAML file at `path` describes; `options` as of the class.

        Raises
        ------
        SelectdisError
            If the file holds an unknown key or a wrong value, with the line and the nearest right word.
        """
        return cls(read_spec(path), **options)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def proxy_names(self) -> str:
        """Names of the proxies, for people."""
        return ", ".join(data.name for data in self.spec.proxy)

    # Running ---------------------------------------------------------------------------------------------------------

    def run(self, *, listeners: Sequence[Listener] = ()) -> Study:
        """Train and score all of the search on the proxy, or what is still missing of it.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        SelectdisError
            If the proxy has no labels, the folder is in use, or it holds a study with other settings.
        """
        check_names(self.spec)
        self._check_device()
        proxies = self.proxies()
        for data in proxies:
            self._check_proxy(data)
        if self.spec.target is not None and (rule := self.rule()).target_columns:
            self._check_target(self._target(None, {}), rule)  # now rather than after the whole search
        with self._driving(listeners) as told:
            for data in proxies:
                stage = self._stage("proxy", data)
                stage.plan(planned(self.spec.search))
                stage.trials.exclusively(partial(warm_start, stage.study, self.spec))
                self._run_stage(stage, told, trials=self._n_trials(), seeds=self._seeds(self.spec.seeds.count))
        return self

    def transfer(
        self,
        target: str | ImageDataset | None = None,
        *,
        top: int | None = None,
        seeds: int | None = None,
        rule: selection.Rule | None = None,
        listeners: Sequence[Listener] = (),
        **options: Any,
    ) -> Transfer:
        """Train the configurations that the proxy selects on the target, and pick a run there without labels.

        Parameters
        ----------
        target : str or ImageDataset, optional
            By default the study file's. Labels that it may have are not used to pick; they only show, beside the
            result, how good the pick was.
        top, seeds : int, optional
            Configurations to carry over, and seeds for each; by default the study file's ``select``.
        rule : selectdis.selection.Rule, optional
            By default the one of the study file.
        options
            Options of the target's loader.

        Raises
        ------
        SelectdisError
            If there is no target, or no finished run on the proxy.
        """
        rule = rule or self.rule(top)
        reference = self._target(target, options)
        proxies = self.records
        if proxies.empty:
            raise SelectdisError(f"the study {self.name!r} has no runs on its proxy yet: run it first")
        self._check_device()
        self._check_target(reference, rule)
        chosen = rule.configurations(proxies)[: max(rule.top, 1)]
        with self._driving(listeners) as told:
            stage = self._stage("target", reference)
            rows = proxies.drop_duplicates("configuration").set_index("configuration").loc[chosen]
            stage.plan(p for _, row in rows.iterrows() if (p := params_of(row.to_dict(), self.spec.search)) is not None)
            self._run_stage(stage, told, trials=None, seeds=self._seeds(seeds or self.spec.select.seeds))
            transfer = Transfer.of(self, stage, rule, proxies)
            if transfer.pick is not None:
                told.picked(self, self._info(stage), transfer.best, transfer.why, transfer.trust.to_dict())
        return transfer

    def _check_device(self) -> None:
        """Refuse a device that is not there; the workers of a scheduler have one of their own."""
        if self.scheduler is None:
            compute_settings(self.spec.training.device, self.spec.training.precision)

    def _check_proxy(self, data: DataReference) -> None:
        if not data.load().labelled:
            raise SelectdisError(
                f"the proxy {data.name!r} has no labels to score disentanglement with; take a labelled data set "
                "(`selectdis data list` shows them), and give this one as the target"
            )
        check_split(data.load(), self.spec.evaluation)

    def _check_target(self, data: DataReference, rule: selection.Rule) -> None:
        """Load the target before anything of it is recorded: one that cannot be used leaves no trace."""
        check_split(data.load(), self.spec.evaluation)
        if rule.target_columns and not data.load().labelled:
            raise SelectdisError(
                f"the rule {rule.label!r} needs a few labels of the target, and {data.name!r} has none; take a rule "
                "without labels (select.run: udr_lasso)"
            )

    def rule(self, top: int | None = None) -> selection.Rule:
        """The selection rule of the study file."""
        select = self.spec.select
        return selection.parse_rule(f"{select.configuration}:{select.score} > {select.run} @ {top or select.top}")

    def _run_stage(self, stage: Stage, told: Listeners, *, trials: int | None, seeds: Sequence[int]) -> None:
        info = self._info(stage)
        told.stage_started(self, info)

        def on_records(records: list[dict[str, Any]]) -> None:
            for record in records if told.hear_of_runs else []:
                told.run_finished(self, info, record, self._load_run(stage, record))

        on_records(stage.raw_records())  # what an earlier driver finished and the listeners may have missed
        budget = self.spec.time_budget
        stage.run(
            lambda jobs, more: run_jobs(jobs, more, n_jobs=self._n_jobs(), scheduler=self.scheduler),
            trials=trials,
            seeds=seeds,
            max_seeds=self.spec.seeds.max if stage.name == "proxy" else None,
            deadline=None if budget is None else time.monotonic() + 60 * budget,
            on_records=on_records,
            on_progress=lambda done, total: told.progress(info, done, total),
        )
        records = stage.finish()
        self._warn_of_failures(records)
        told.stage_finished(self, info, records)

    def _warn_of_failures(self, records: pd.DataFrame) -> None:
        failed = records[records["status"] == "failed"] if "status" in records else records
        if len(failed):
            warnings.warn(
                f"{len(failed)} of {len(records)} runs failed and are tried again by the next run of the study; the "
                f"first: {failed['candidate'].iloc[0]}: {failed['error'].iloc[0]}",
                stacklevel=3,
            )

    @contextmanager
    def _driving(self, listeners: Sequence[Listener]) -> Iterator[Listeners]:
        shared = self.storage_url is not None
        if shared:
            self.folder.mkdir(parents=True, exist_ok=True)
        with nullcontext() if shared else driver_lock(self.folder):
            told = Listeners([*listeners, *self._tracker()])
            try:
                yield told
            finally:
                told.close()

    def _tracker(self) -> list[Listener]:
        """The listener that the study file's `tracking` names, found among the installed ones."""
        if self.spec.tracking in (None, "none"):
            return []
        known = {point.name: point for point in entry_points(group="selectdis.listeners")}
        if self.spec.tracking not in known:
            raise SelectdisError(
                f"tracking: no tracker is called {self.spec.tracking!r}; installed: {', '.join(known)}, none"
            )
        return [known[self.spec.tracking].load()(self.folder)]

    def _n_trials(self) -> int | None:
        return self.spec.search.trials if self.spec.search.sampler not in ENQUEUED else None

    def _seeds(self, count: int) -> list[int]:
        return list(range(self.spec.seeds.first, self.spec.seeds.first + count))

    def _n_jobs(self) -> int:
        device = self.spec.training.device
        return self.jobs or default_n_jobs(device if self.scheduler is None else device_here(device))

    # Reading ---------------------------------------------------------------------------------------------------------

    @property
    def records(self) -> pd.DataFrame:
        """Tidy frame of the runs on the proxy (or proxies), one row a run; empty before the study has run."""
        frames = [stage.records for stage in self.proxy_stages()]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def leaderboard(
        self, by: Literal["configuration", "run"] = "configuration", *, score: str | None = None
    ) -> pd.DataFrame:
        """The proxy's configurations or runs, best first.

        Parameters
        ----------
        by : "configuration" or "run"
        score : str, optional
            A metric or ``"win_rate"`` (the default: the win rate over the disentanglement metrics).
        """
        records = self.records
        if records.empty:
            todo = "let it run on, for longer where it has a time_budget" if self.proxy_stages() else "run it first"
            raise SelectdisError(f"the study {self.name!r} in {self.folder} has no runs yet: {todo}")
        return with_settings(selection.leaderboard(records, by=by, score=score or self.spec.select.score), records)

    def importances(self) -> pd.DataFrame:
        """Optuna's importance of each parameter for the score: one row a parameter, one column a proxy, in [0, 1].

        fANOVA over the configurations' means; strengths count within their own objective. Seeds are no parameter of
        a configuration: `selectdis.selection.variance_explained` has their share.
        """
        columns = {}
        for stage in self.proxy_stages():
            try:
                columns[stage.data.name] = importances_of(stage.study)
            except (ValueError, RuntimeError) as error:  # fewer than two finished configurations
                warnings.warn(f"no importances on {stage.data.name}: {error}", stacklevel=2)
        return pd.DataFrame(columns).rename_axis("parameter")

    def transfers(self) -> list[Transfer]:
        """The transfers made so far, in the order of their targets; those that have no run yet are left out."""
        stages = [stage for stage in self.target_stages() if stage.raw_records()]
        proxies = self.records if stages else pd.DataFrame()
        return [Transfer.of(self, stage, self.rule(), proxies) for stage in stages]

    def target_stages(self) -> Iterator[Stage]:
        """The stages on the targets, as far as they have begun, in the order of their names."""
        prefix = f"{self.name}/target/"
        for name in sorted(optuna.get_all_study_names(self._storage())) if self._exists() else ():
            if not name.startswith(prefix):
                continue
            study = optuna.load_study(study_name=name, storage=self._storage())
            reference = DataReference.parse(study.user_attrs.get("data"))
            if reference is not None:
                yield self._wrap("target", reference, study)
            else:  # a driver was killed as it began, or the journal was cut there: there are no runs either
                warnings.warn(
                    f"the target {name.removeprefix(prefix)!r} is left out: what its data are is not recorded; the "
                    "next transfer to it records that again",
                    stacklevel=2,
                )

    @property
    def plot(self) -> Any:
        """Figures of this study, such as ``study.plot.metric_heatmap()``."""
        # By name: the report stands above the study, which must not import it.
        from importlib import import_module

        return import_module("selectdis.visualization._study_plots").StudyPlots(self)

    # Storage ---------------------------------------------------------------------------------------------------------

    def _exists(self) -> bool:
        return self.storage_url is not None or (self.folder / "study.log").exists()

    def _storage(self) -> BaseStorage:
        if self._open_storage is None:
            self._open_storage = open_storage(self.folder, self.storage_url, lost_after=self.lost_after)
        return self._open_storage

    def proxies(self) -> list[DataReference]:
        """The labelled data sets that are searched on."""
        return [self._reference(data.name, data.options) for data in self.spec.proxy]

    def proxy_stages(self) -> list[Stage]:
        """The stages on the proxies, as far as they have begun."""
        return [stage for data in self.proxies() if (stage := self._existing_stage("proxy", data)) is not None]

    def _reference(self, name: str, options: dict[str, Any]) -> DataReference:
        return DataReference.of(name, options, folder=self.folder)

    def _target(self, target: str | ImageDataset | None, options: dict[str, Any]) -> DataReference:
        spec = self.spec.target
        if target is None:
            if spec is None:
                raise SelectdisError("the study file names no target: give one (--target NAME, or target= in Python)")
            return self._reference(spec.name, {**spec.options, **options})
        if isinstance(target, ImageDataset):
            return DataReference.of(target, folder=self.folder)
        own = spec.options if spec is not None and spec.name == target else {}
        shape = self.proxies()[0].load().image_shape
        return self._reference(target, fitting_options(target, shape) | own | options)

    def _study_name(self, stage: str, data: DataReference) -> str:
        return f"{self.name}/{stage}/{data.slug}"

    def _existing_stage(self, stage: str, data: DataReference) -> Stage | None:
        if not self._exists():
            return None
        try:
            study = optuna.load_study(study_name=self._study_name(stage, data), storage=self._storage())
        except KeyError:
            return None
        return self._wrap(stage, data, study)

    def _stage(self, name: str, data: DataReference) -> Stage:
        optimise = directions(self.spec) if name == "proxy" else [StudyDirection.MAXIMIZE]
        study = with_patience(
            lambda: optuna.create_study(
                study_name=self._study_name(name, data),
                storage=self._storage(),
                sampler=make_sampler(self.spec.search),
                directions=optimise,
                load_if_exists=True,
            )
        )
        self._check_unchanged(study)
        with_patience(lambda: study.set_user_attr("data", json.dumps(vars(data))))
        return self._wrap(name, data, study, n_jobs=self._n_jobs())

    def _wrap(self, name: str, data: DataReference, study: optuna.Study, *, n_jobs: int = 1) -> Stage:
        shared = self.storage_url is not None
        return Stage(name, self.spec, data, study, str(self.folder), shared=shared, n_jobs=n_jobs)

    def _check_unchanged(self, study: optuna.Study) -> None:
        """Refuse to mix runs of other data, training or evaluation into one study."""
        mine = json.loads(self.spec.model_dump_json(include=set(FIXED)))
        theirs = study.user_attrs.get("fixed")
        if theirs is None:
            with_patience(lambda: study.set_user_attr("fixed", mine))
            return
        for key, value in mine.items():
            if isinstance(value, dict):  # a setting that a later version added had its default then
                default = json.loads(type(getattr(self.spec, key))().model_dump_json())
                theirs[key] = default | theirs.get(key, {})
            if theirs.get(key) != value:
                change = _difference(theirs.get(key), value)
                raise SelectdisError(
                    f"the study in {self.folder} was made with another `{key}` ({change}): "
                    "give this study another name, or delete that folder"
                )

    def _info(self, stage: Stage) -> StageInfo:
        return StageInfo(stage.name, stage.data.load(), self.folder)

    def _load_run(self, stage: Stage, record: dict[str, Any]) -> Run | None:
        try:
            return Run.load(model_path(self.folder, stage.data, record["candidate"]))
        except ValueError:
            return None


def _difference(theirs: Any, mine: Any) -> str:
    if isinstance(theirs, dict) and isinstance(mine, dict):
        keys = [key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key)]
        return ", ".join(f"{key}: {theirs.get(key)!r}, now {mine.get(key)!r}" for key in keys)
    return f"{theirs!r}, now {mine!r}"
