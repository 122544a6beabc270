"""A study: search on the labelled proxy, transfer to the target, everything kept in one folder."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from selectdis import _plugins, selection
from selectdis._progress import progress_bar
from selectdis._redaction import redacted
from selectdis.data import ImageDataset
from selectdis.data._reference import DataReference
from selectdis.errors import OldNameWarning, SelectdisError, nearest
from selectdis.execution._estimate import TimeEstimate
from selectdis.execution._study_jobs import default_n_jobs, device_here
from selectdis.objectives import takes_pairs
from selectdis.records import as_frame, frame_of_one_version, is_settled, with_settings
from selectdis.spec import StudySpec, check_keepable, check_spec, forgotten_overrides, keep_spec, read_spec
from selectdis.study._batch import Budget, RunRequest
from selectdis.study._data import StudyData, without_objects
from selectdis.study._few_labels import keep_or_take_back, labelled_again, write_sheet
from selectdis.study._importances import importances_of
from selectdis.study._listener import Listener, Listeners, ProgressBar, installed_tracker
from selectdis.study._search import ENQUEUED, starting_points
from selectdis.study._stage import Stage
from selectdis.study._store import StudyStore
from selectdis.study._transfer import Transfer, TransferOptions
from selectdis.study.persistence._database import LOST_AFTER
from selectdis.study.picking._evidence import EvidenceProxy
from selectdis.study.picking._plan import TransferPlan, estimate_plan, estimate_search, plan_transfer
from selectdis.training import Run
from selectdis.training._runtime import compute_settings, slow_in_bf16

__all__ = ["Study"]


class Study:
    """Search on a labelled proxy and transfer to an unlabelled target, kept in one folder and resumed by itself.

    Parameters
    ----------
    spec : StudySpec or dict
        What a study file says; see `docs/studies.md`. In a dict, a proxy or the target may be an `ImageDataset`; it is
        stored in the folder.
    folder : path, optional
        Where everything is kept; by default ``runs/<name>``.
    n_jobs : int, optional
        Processes on this machine; by default one per core, or one on a GPU.
    scheduler : str, optional
        Address of a Dask scheduler to send the cohorts to.
    storage : str, optional
        A PostgreSQL URL that several drivers share; by default the journal ``study.log`` in the folder.
    lost_after : int
        Seconds without a sign of life after which a driver that shares the storage counts as dead.
    jobs : int, optional
        What `n_jobs` was called until version 0.1.

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
        n_jobs: int | None = None,
        scheduler: str | None = None,
        storage: str | None = None,
        lost_after: int = LOST_AFTER,
        jobs: int | None = None,
    ) -> None:
        if jobs is not None:
            warnings.warn("the argument jobs of Study is now called n_jobs", OldNameWarning, stacklevel=2)
        named, objects = without_objects(spec)
        self.spec = check_spec(named)
        self.overrides: tuple[str, ...] = ()
        self.folder = Path(folder or Path("runs") / self.spec.name)
        self.n_jobs = n_jobs or jobs
        self.scheduler = scheduler
        self.data = StudyData(self.spec, self.folder, objects)
        self.evidence = None if self.spec.evidence is None else EvidenceProxy(self.spec)
        self.seconds_per_run: dict[str, float] = {}  # by target: the plan that is said is the one made
        self.store = StudyStore(self.spec, self.folder, storage or self.spec.storage, lost_after=lost_after)

    @classmethod
    def from_file(
        cls, path: str | Path, *, overrides: Sequence[str] = (), plugins: bool = True, **options: Any
    ) -> Study:
        """Read the study that the YAML file at `path` describes.

        Parameters
        ----------
        path : path
            Of the study file.
        overrides : sequence of str
            ``"KEY=VALUE"``, such as ``"training.steps=500"``: what takes the place of the file's values.
        plugins : bool
            Whether to import the modules that the file names under `plugins`: not where it comes from somebody whom you
            do not trust. Without them the study can be read, and not run.
        **options
            As of the class.

        Raises
        ------
        SelectdisError
            If the file holds an unknown key or a wrong value, with the line and the nearest right word.
        """
        study = cls(read_spec(path, overrides, plugins=plugins), **options)
        study.overrides = tuple(overrides)
        return study

    @property
    def name(self) -> str:
        """The study's name."""
        return self.spec.name

    @property
    def id(self) -> str:
        """The study's own id (32 hexadecimal digits), by which views of it are found."""
        return self.store.id

    @property
    def proxy_names(self) -> str:
        """Names of the proxies, for people."""
        names = [data.name for data in self.proxies()] or [data.name for data in self.spec.proxy]  # the evidence
        return ", ".join(names)

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {self._summary()})"

    def _summary(self) -> str:
        """Say where the study is kept, how far it is, and its best configuration; of a database, only where it is."""
        if self.store.url is not None:
            return f"folder {str(self.folder)!r}, records in {redacted(self.store.url)}"
        try:
            done, wanted = self._progress()
            best = "" if not done else f", best: {self.leaderboard()['settings'].iloc[0]}"
        except (SelectdisError, OSError, LookupError) as error:
            return f"folder {str(self.folder)!r}: {error}"
        return f"folder {str(self.folder)!r}, {done} of {wanted} runs{best}"

    def _progress(self) -> tuple[int, int]:
        """Return how many runs of the search have ended, and how many it has at least."""
        if self.evidence is not None:
            ended = [is_settled(record) for stage in self.target_stages() for record in stage.raw_records()]
            return sum(ended), len(ended)
        search, seeds, proxies = self.spec.search, self.spec.seeds.count, len(self.spec.proxy)
        done = sum(is_settled(record) for stage in self.proxy_stages() for record in stage.raw_records())
        planned = len(starting_points(search)) if search.sampler in ENQUEUED else search.trials or 0
        return done, max(planned * seeds * proxies, done)

    # Running ---------------------------------------------------------------------------------------------------------

    def run(self, *, scores: bool = True, listeners: Sequence[Listener] = ()) -> Study:
        """Train and score all of the search on the proxy, or what is still missing of it.

        Parameters
        ----------
        scores : bool
            False trains alone, and leaves models (and of a GPU the codes that scores are made of) in the folder: a
            later run, here or where the folder is copied to, scores them.
        listeners : sequence of Listener
            Told of what happens, beside the tracker of the study file.

        Returns
        -------
        Study
            Itself.

        Raises
        ------
        SelectdisError
            If the proxy has no labels, the folder is in use, or it holds a study with other settings; or without
            `scores`, if the search goes by them.
        """
        start = time.monotonic()
        if self.evidence is not None:
            self.evidence.refuse_search()
        self._check_can_work()
        if not scores:
            self._check_needs_no_scores()
        proxies = self.data.proxies()
        for data in proxies:
            self.data.check_proxy(data)
        if self.spec.target is not None and (rule := self.rule()).target_columns:
            self.data.check_target(self.data.target(), rule)  # now rather than after the whole search
        if self.spec.target is not None and any(takes_pairs(name) for name in self.spec.search.objective):
            self.data.check_pairs(self.data.target(), self.spec.search.objective)
        sampled = self.spec.search.sampler not in ENQUEUED
        with self._driving(listeners) as told:
            for number, data in enumerate(proxies, start=1):
                stage = self._begin("proxy", data)
                known = stage.trials.warm_start(data.load().name)
                stage.trials.enqueue(starting_points(self.spec.search, known))
                trials = self.spec.search.trials if sampled else None
                budget = self._budget(start, number / len(proxies))  # one, of which each proxy has a part
                request = self._request(self.spec.seeds.count, budget, trials=trials, max_seeds=self.spec.seeds.max)
                request = replace(request, scores=scores)
                stage.run(request, told)
        return self

    def transfer(
        self,
        target: str | ImageDataset | None = None,
        *,
        top: int | None = None,
        seeds: int | None = None,
        rule: selection.Rule | str | None = None,
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
        rule : selectdis.selection.Rule or str, optional
            By default the one of the study file. What is given here, and `top` and `seeds`, is kept with the transfer,
            so that `transfers`, leaderboards, report and MLflow show the same pick.
        listeners : sequence of Listener
            Told of what happens, beside the tracker of the study file.
        **options
            Options of the target's loader.

        Returns
        -------
        Transfer

        Raises
        ------
        SelectdisError
            If there is no target, or no finished run on the proxy, or a chosen configuration learns from pairs and the
            target gives none.
        """
        start = time.monotonic()
        plan = self._planned(target, top, seeds, rule, options)
        data, proxies, given, rule = plan.data, plan.proxies, plan.given, plan.rule
        with self._driving(listeners) as told:
            for proxy in self.proxy_stages():
                self.store.check_unchanged(proxy.study)
            stage = self._begin("target", data)
            before = TransferOptions.kept(stage)
            given.keep(stage, self.rule)
            stage.trials.enqueue(plan.params)
            stage.run(self._request(plan.seeds, self._budget(start)), told)
            try:
                transfer = Transfer.of(stage, rule, proxies)
            except Exception:  # a rule that cannot be applied would stand in the way of every view
                before.write(stage)
                raise
            if transfer.pick is not None:
                given.keep_pick(stage, transfer.pick.candidate)
            transfer = labelled_again(transfer)
            if transfer.pick is not None:
                told.picked(transfer)
        return transfer

    def _planned(self, target: str | ImageDataset | None, *given: Any) -> TransferPlan:
        self._check_can_work()
        return plan_transfer(self, target, *given)

    def proxies_of(self, target: DataReference) -> pd.DataFrame:
        """Return the records that rules learn from for a target: those on the proxies, or the evidence.

        Parameters
        ----------
        target : DataReference
            The data set: what is in the evidence of its own family says nothing of how things transfer, and what
            cannot be trained on it is nothing to choose from.
        """
        return self.records if self.evidence is None else self.evidence.records(target)

    # Time ------------------------------------------------------------------------------------------------------------

    def estimate(self) -> TimeEstimate:
        """Measure on a few steps how long `run` will take, for what it still has to do.

        Returns
        -------
        TimeEstimate
            ``str()`` says it in words. Of a sampler that suggests later configurations by what it has seen, those that
            it starts with stand for all.
        """
        self._check_can_work()
        return estimate_search(self)

    def estimate_transfer(
        self,
        target: str | ImageDataset | None = None,
        *,
        top: int | None = None,
        seeds: int | None = None,
        rule: selection.Rule | str | None = None,
        **options: Any,
    ) -> TimeEstimate:
        """Measure on a few steps how long `transfer` will take with the same arguments, for what it still has to do.

        Parameters
        ----------
        target, top, seeds, rule, **options
            As of `transfer`.

        Returns
        -------
        TimeEstimate
        """
        return estimate_plan(self, self._planned(target, top, seeds, rule, options))

    def label(self, labels: pd.DataFrame | Path | str | None, *, target: str | None = None) -> Transfer:
        """Let the pick on a target go by a few labels, here and in every view: leaderboard, report, MLflow.

        The labels are kept in the study's folder, under ``labels/``, with every earlier version.

        Parameters
        ----------
        labels : pandas.DataFrame, path or None
            A table as `Study.label_sheet` writes it, filled in, or its path; see `Transfer.with_labels`. None takes the
            labels back: the pick goes without any again, and the tables stay.
        target : str, optional
            Which target; by default the only one.

        Returns
        -------
        Transfer
            With its pick by the labels.

        Raises
        ------
        SelectdisError
            As `Transfer.with_labels` does, and where there is no such target or several and none is named.
        """
        plain = self._transfer_of(self._target_stage(target), self.records)
        transfer = keep_or_take_back(plain, labels)
        if transfer.pick is not None:
            told = Listeners(self, installed_tracker(self.spec.tracking, self.folder))
            try:
                told.picked(transfer)
            finally:
                told.close()
        return transfer

    def label_sheet(
        self, factors: Sequence[str] = (), n: int = 10, *, target: str | None = None, seed: int = 0
    ) -> list[Path]:
        """Write a table of empty cells for images of a target, and their pictures (.png, .html) beside it.

        Parameters
        ----------
        factors : sequence of str
            ``"size=small,medium,large"`` (values in order) or ``"hue:red,green,blue"`` (in none); by default those of
            the labels that the pick goes by.
        n : int
            How many more images, drawn at random. Those that have labels come before them, with these.
        target : str, optional
            Which target; by default the only one.
        seed : int
            Of the draw.

        Returns
        -------
        list of Path
            The table, to be filled in and given to `Study.label`; the picture; the page.
        """
        return write_sheet(self._target_stage(target), factors, n, seed)

    def _target_stage(self, target: str | None) -> Stage:
        stages = {stage.data.name: stage for stage in self.target_stages() if stage.raw_records()}
        if not stages:
            raise SelectdisError("nothing is trained on a target yet: `selectdis transfer` does that, then label")
        if (target is None and len(stages) > 1) or (target is not None and target not in stages):
            raise SelectdisError(f"the target is one of {', '.join(stages)}; found {target!r}")
        return stages[target] if target is not None else next(iter(stages.values()))

    def rule(self, top: int | None = None) -> selection.Rule:
        """Return the selection rule of the study file.

        Parameters
        ----------
        top : int, optional
            Configurations to carry over, where it is not what the file says.
        """
        select = self.spec.select
        if self.evidence is not None and self.evidence.departures():  # nothing is known of such configurations
            return selection.parse_rule(f"any > {select.run}")
        return selection.parse_rule(f"{select.configuration}:{select.score} > {select.run} @ {top or select.top}")

    def _check_can_work(self) -> None:
        """Refuse plugins that were not loaded, and a device that is not there; a scheduler's workers have their own."""
        if missing := _plugins.absent(self.spec.plugins):
            raise SelectdisError(
                f"the study {self.name!r} needs the plugins {', '.join(missing)}, which are imported for a study file "
                "alone and never for a folder: give the study file"
            )
        if self.scheduler is None:
            training = self.spec.training
            compute_settings(training.device, training.precision)
            if training.precision == "bf16" and slow_in_bf16(training.device):
                warnings.warn(
                    "training.precision is bf16, which this processor computes slower than float32: float32 trains "
                    "several times as fast here (a study that has begun keeps its own)",
                    stacklevel=3,
                )

    def _check_needs_no_scores(self) -> None:
        """Refuse to train without scores where these say what is trained next."""
        if self.spec.search.sampler not in ENQUEUED or self.spec.seeds.max is not None:
            found = "seeds.max" if self.spec.seeds.max is not None else f"the sampler {self.spec.search.sampler!r}"
            raise SelectdisError(
                f"a search goes on without scores where it is known beforehand (sampler {', '.join(ENQUEUED)}, no "
                f"seeds.max), and this one has {found}: let it score its runs"
            )

    @contextmanager
    def _driving(self, listeners: Sequence[Listener]) -> Iterator[Listeners]:
        check_keepable(self.folder, self.overrides)
        with self.store.hold():
            self.store.claim()
            if forgotten := forgotten_overrides(self.spec, self.folder, self.overrides):
                warnings.warn(
                    f"the study in {self.folder} last ran with {' '.join(forgotten)}, and this time goes by the study "
                    f"file without: to go on as before, give that again, or {self.folder} in place of the file",
                    stacklevel=4,
                )
            with progress_bar("runs") as show:
                everyone = [ProgressBar(show), *listeners, *installed_tracker(self.spec.tracking, self.folder)]
                told = Listeners(self, everyone)
                try:
                    yield told
                finally:
                    told.close()

    def _begin(self, name: str, data: DataReference) -> Stage:
        """Begin a stage, or go on with it, and leave in the folder what the study file says."""
        stage = self.store.begin(name, data)
        keep_spec(self.spec, self.folder, self.overrides)
        return stage

    def _budget(self, start: float, part: float = 1.0) -> Budget | None:
        """Return the time budget of a command that began at `start`, or a part of it."""
        return None if self.spec.time_budget is None else Budget(start + 60 * self.spec.time_budget * part)

    def _request(self, n_seeds: int, budget: Budget | None, **options: Any) -> RunRequest:
        first = self.spec.seeds.first
        return RunRequest(
            seeds=tuple(range(first, first + n_seeds)),
            budget=budget,
            n_jobs=self.processes,
            scheduler=self.scheduler,
            **options,
        )

    @property
    def processes(self) -> int:
        """Processes that work at the same time on this machine."""
        device = self.spec.training.device
        return self.n_jobs or default_n_jobs(device if self.scheduler is None else device_here(device))

    # Reading ---------------------------------------------------------------------------------------------------------

    @property
    def records(self) -> pd.DataFrame:
        """Tidy frame of the runs on the proxies (or the evidence), one row per run; empty before the study has run."""
        if self.evidence is not None:
            return self.evidence.records()
        frames = [stage.records for stage in self.proxy_stages()]
        return frame_of_one_version(pd.concat(frames, ignore_index=True)) if frames else pd.DataFrame()

    @property
    def records_on_the_way(self) -> pd.DataFrame:
        """Tidy frame of the proxies' runs after the shares of the steps `evaluation.at`: one row per run and `steps`.

        The last steps among them, so that one run's rows are its course; empty where the study scores ends alone.
        """
        stages = self.proxy_stages()
        on_the_way = [record for stage in stages for record in stage.records_on_the_way()]
        last = [record for stage in stages for record in stage.raw_records()] if on_the_way else []
        return as_frame([*on_the_way, *last], {})

    def leaderboard(
        self, by: Literal["configuration", "run"] = "configuration", *, score: str | None = None
    ) -> pd.DataFrame:
        """Return the proxy's configurations or runs, best first.

        Parameters
        ----------
        by : "configuration" or "run"
            What a row is.
        score : str, optional
            A metric or ``"win_rate"`` (the default: the win rate over the disentanglement metrics).
        """
        records = self.records
        if records.empty:
            todo = "let it run on, for longer where it has a time_budget" if self.proxy_stages() else "run it first"
            raise SelectdisError(f"the study {self.name!r} in {self.folder} has no runs yet: {todo}")
        return with_settings(selection.leaderboard(records, by=by, score=score or self.spec.select.score), records)

    def pareto(self, scores: Sequence[str] = ("win_rate", "reconstruction")) -> pd.DataFrame:
        """Return the proxy's configurations that no other one beats in all of several scores, best first.

        Parameters
        ----------
        scores : sequence of str
            As of `selectdis.selection.pareto`, which has the others as well.

        Returns
        -------
        DataFrame
            ``dataset``, ``rank`` by the first score, ``configuration``, ``settings`` in words, ``seeds``, the scores.
        """
        found = selection.pareto(self.records, scores)
        return with_settings(found[found.pop("front")].reset_index(drop=True), self.records)

    def importances(self) -> pd.DataFrame:
        """Return Optuna's importance of each parameter for the score: one row per parameter, one column per proxy.

        fANOVA over the configurations' means, in [0, 1]; strengths count within their own objective. Seeds are no
        parameter of a configuration: `selectdis.selection.variance_explained` has their share.
        """
        columns = {}
        for stage in self.proxy_stages():
            try:
                columns[stage.data.name] = importances_of(stage.study)
            except (ValueError, RuntimeError) as error:  # fewer than two finished configurations
                warnings.warn(f"no importances on {stage.data.name}: {error}", stacklevel=2)
        return pd.DataFrame(columns).rename_axis("parameter")

    def transfers(self) -> list[Transfer]:
        """Return the transfers made so far, in the order of their targets, save those that have no run yet."""
        stages = [stage for stage in self.target_stages() if stage.raw_records()]
        proxies = self.records if stages and self.evidence is None else pd.DataFrame()
        return [self._transfer_of(stage, proxies).as_kept() for stage in stages]

    def _transfer_of(self, stage: Stage, proxies: pd.DataFrame) -> Transfer:
        if self.evidence is not None:
            proxies = self.evidence.records(stage.data)
        return Transfer.of(stage, TransferOptions.kept(stage).rule(self.rule), proxies)

    def load_run(self, candidate: str) -> Run:
        """Return a trained run of this study, on whichever target or proxy it is; of targets first.

        Parameters
        ----------
        candidate : str
            Its id, as leaderboards and records have it.

        Raises
        ------
        SelectdisError
            If there is none; the message offers the nearest.
        """
        stages = [*self.target_stages(), *self.proxy_stages()]
        known = [str(record["candidate"]) for stage in stages for record in stage.raw_records()]
        for stage in stages if candidate in known else ():
            if (run := stage.load_run(candidate)) is not None:
                return run
        found = "left no whole file" if candidate in known else f"is none of its runs{nearest(candidate, known)}"
        raise SelectdisError(f"{candidate!r} {found} in {self.folder}: `selectdis leaderboard` shows which there are")

    @property
    def plot(self) -> Any:
        """Figures of this study, such as ``study.plot.metric_heatmap()``."""
        # By name: the figures stand above the study, which must not import them.
        return import_module("selectdis.visualization").StudyPlots(self)

    @property
    def stopped(self) -> list[str]:
        """Sentences about the stages that the time budget ended before all their runs were done."""
        stages = [*self.proxy_stages(), *self.target_stages()]
        return [f"{stage.name} {stage.data.name}: {stage.stopped}" for stage in stages if stage.stopped]

    def proxies(self) -> list[DataReference]:
        """Return references to the labelled data sets that are searched on; none where the evidence is the proxy."""
        return self.data.proxies()

    def proxy_stages(self) -> list[Stage]:
        """Return the stages on the proxies, as far as they have begun."""
        return [stage for data in self.proxies() if (stage := self.store.stage("proxy", data)) is not None]

    def target_stages(self) -> Iterator[Stage]:
        """Return the stages on the targets, as far as they have begun, in the order of their names."""
        return self.store.targets()
