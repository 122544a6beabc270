"""One stage of a study: configurations and seeds on one data set, recorded in one Optuna study, resumed by itself."""

from __future__ import annotations

import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import optuna
import pandas as pd
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import wilcoxon

from selectdis.errors import SelectdisError
from selectdis.study.pool import pool_criteria
from selectdis.study.reference import DataReference
from selectdis.study.search import Params, candidate_from, suggest
from selectdis.study.storage import HEARTBEAT_SECONDS
from selectdis.study.values import constraint_values, trial_values
from selectdis.study.worker import CohortJob
from selectdis.training import Candidate
from selectdis.training.plan import plan_cohorts

if TYPE_CHECKING:
    from selectdis.study.spec import StudySpec

__all__ = ["Stage"]

Record = dict[str, Any]
Job = tuple[FrozenTrial, list[Candidate]]
RunJobs = Callable[[Sequence[CohortJob]], Iterator[tuple[CohortJob, list[Record]]]]
RECORD_PREFIX = "run:"
REQUEUED = "requeued"  # a trial whose driver died; a copy of it was queued
PRIVATE = ("kl_per_latent",)  # what a record keeps for the criteria over many runs; not a column
GIVE_UP_P = 0.1
T = TypeVar("T")


class Stage:
    """Trains and records configurations on one data set.

    A trial is a configuration. The record of each of its seeds is one user attribute, written as soon as the run ends;
    the trial is told when all its seeds have ended. So whatever kills the driver, what is in the storage is whole.

    Parameters
    ----------
    name : "proxy" or "target"
    spec : StudySpec
    data : DataReference
    optuna_study : optuna.Study
    folder : str
        The study's folder, where workers leave models, codes and checkpoints.
    shared : bool
        Whether other drivers may work on the same storage.
    n_jobs : int
        Cohorts that run at the same time, so that each process gets work.
    """

    def __init__(
        self,
        name: str,
        spec: StudySpec,
        data: DataReference,
        optuna_study: optuna.Study,
        folder: str,
        *,
        shared: bool,
        n_jobs: int = 1,
    ) -> None:
        self.name = name
        self.spec = spec
        self.data = data
        self.study = optuna_study
        self.folder = folder
        self.shared = shared
        self.n_jobs = n_jobs
        self._tried: set[str] = set()
        self._mine: set[int] = set()

    # What is recorded ------------------------------------------------------------------------------------------------

    def raw_records(self) -> list[Record]:
        """One dict a run, in the order of trials and seeds; a run that two trials hold appears once."""
        found: dict[str, Record] = {}
        for trial in self._trials():
            for key in sorted(
                (key for key in trial.user_attrs if key.startswith(RECORD_PREFIX)),
                key=lambda key: int(key.removeprefix(RECORD_PREFIX)),
            ):
                record = trial.user_attrs[key] | {"trial": trial.number}
                previous = found.get(record["candidate"])
                if previous is None or previous["status"] == "failed":
                    found[record["candidate"]] = record
        return list(found.values())

    @property
    def records(self) -> pd.DataFrame:
        """Tidy frame, one row a run, with the criteria over many runs as of the end of the stage."""
        rows = self.raw_records()
        pool = self.study.user_attrs.get("pool_criteria", {})
        flat = [
            {key: value for key, value in row.items() if key not in PRIVATE} | pool.get(row["candidate"], {})
            for row in rows
        ]
        return _ordered(pd.DataFrame(flat))

    # Running ---------------------------------------------------------------------------------------------------------

    def plan(self, configurations: Iterable[Params]) -> None:
        """Put configurations in the queue, once: the ones that any trial has already are left out."""
        known = {_key(_params(trial)) for trial in self._trials()}
        for params in configurations:
            if _key(params) not in known:
                known.add(_key(params))
                self._persist(lambda params=params: self.study.enqueue_trial(params))

    def run(
        self,
        run_jobs: RunJobs,
        *,
        trials: int | None,
        seeds: Sequence[int],
        max_seeds: int | None = None,
        deadline: float | None = None,
        on_records: Callable[[list[Record]], None] = lambda records: None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Train all that is planned, and up to `trials` configurations in all that the sampler suggests.

        Parameters
        ----------
        run_jobs
            Does cohorts and yields each with its records, in any order.
        seeds
            Every configuration gets these.
        max_seeds
            With it, a configuration gets further seeds up to this number as long as Wilcoxon's test against the best
            one does not give it up.
        deadline : float, optional
            `time.monotonic()` after which no further cohort is started.
        on_records, on_progress
            Told of finished runs, and of (runs done, runs known to be needed).
        """
        with self._heartbeat():
            self._requeue_lost()
            self._requeue_for_more_seeds(seeds)
            while not _over(deadline) and (batch := self._next_batch(trials)):
                self._run_round(batch, run_jobs, list(seeds), max_seeds, deadline, on_records, on_progress)

    def finish(self) -> pd.DataFrame:
        """Compute the criteria over many runs, store them, and return the records."""
        pool = pool_criteria(self.raw_records(), self.folder, self.data, self.spec.evaluation)
        self._persist(lambda: self.study.set_user_attr("pool_criteria", pool))
        return self.records

    def _run_round(
        self,
        batch: list[FrozenTrial],
        run_jobs: RunJobs,
        seeds: list[int],
        max_seeds: int | None,
        deadline: float | None,
        on_records: Callable[[list[Record]], None],
        on_progress: Callable[[int, int], None],
    ) -> None:
        owners = {trial.number: trial for trial in batch}
        wanted = {number: list(seeds) for number in owners}
        while owners and not _over(deadline):
            done = self._n_done()
            todo = self._missing(owners, wanted)
            trials_of: dict[str, list[FrozenTrial]] = defaultdict(list)
            for trial, candidates in todo:
                for candidate in candidates:
                    trials_of[candidate.id].append(trial)
            total = done + len(trials_of)
            on_progress(done, total)
            for job, records in run_jobs(self._jobs([c for _, candidates in todo for c in candidates])):
                self._tried.update(candidate.id for candidate in job.candidates)
                touched = {t.number: t for record in records for t in trials_of[record["candidate"]]}
                for record in records:
                    for trial in trials_of[record["candidate"]]:
                        self._store(trial, record)
                on_records(records)
                done += len(records)
                on_progress(done, total)
                if max_seeds is None:
                    self._tell_settled(touched, owners, seeds)
                if _over(deadline):
                    return
            owners = self._after_round(owners, wanted, max_seeds)

    def _tell_settled(
        self, touched: dict[int, FrozenTrial], owners: dict[int, FrozenTrial], seeds: Sequence[int]
    ) -> None:
        for number, trial in touched.items():
            if number in owners and self._settled(trial, seeds):
                self._tell(owners.pop(number))

    def _after_round(
        self, owners: dict[int, FrozenTrial], wanted: dict[int, list[int]], max_seeds: int | None
    ) -> dict[int, FrozenTrial]:
        """Tell the trials that are done; those that go on get one seed more in `wanted`."""
        going_on: dict[int, FrozenTrial] = {}
        for number, trial in owners.items():
            if not self._settled(trial, wanted[number]):
                continue  # a failed run: left open, tried again by the next driver
            if max_seeds is None or len(wanted[number]) >= max_seeds or self._given_up(trial):
                self._tell(trial)
            else:
                wanted[number].append(wanted[number][-1] + 1)
                going_on[number] = trial
        return going_on

    def _given_up(self, trial: FrozenTrial) -> bool:
        """Wilcoxon's signed-rank test against the best configuration so far, over the seeds that both have.

        As `optuna.pruners.WilcoxonPruner`, which however compares with finished trials alone: here all are under way
        together.
        """
        own = self._fresh(trial).intermediate_values
        others = [t.intermediate_values for t in self._trials() if t.intermediate_values and t.number != trial.number]
        sign = 1 if self.study.direction == optuna.study.StudyDirection.MAXIMIZE else -1
        best = max(others, key=lambda values: sign * float(np.mean(list(values.values()))), default={})
        ahead = [sign * (best[seed] - own[seed]) for seed in own if seed in best]
        return len(ahead) > 2 and bool(wilcoxon(ahead, alternative="greater", zero_method="zsplit").pvalue < GIVE_UP_P)

    # Trials ----------------------------------------------------------------------------------------------------------

    def _next_batch(self, trials: int | None) -> list[FrozenTrial]:
        """Open trials first, then what is queued, then what the sampler suggests up to `trials` in all."""
        known = self._trials()
        mine = [t for t in known if t.state == TrialState.RUNNING and self._is_mine(t) and self._has_work(t)]
        n = sum(t.state == TrialState.WAITING for t in known)
        if n == 0:
            started = sum(REQUEUED not in t.user_attrs for t in known)
            n = min(max((trials or 0) - started, 0), self.spec.search.batch)
        if self.shared:
            n = min(n, self.spec.search.batch)  # leave work for the other drivers
        return mine + [trial for _ in range(n) if (trial := self._ask()) is not None]

    def _has_work(self, trial: FrozenTrial) -> bool:
        """Whether an open trial still has a run that this driver has not tried, or only waits to be told."""
        open_runs = [c.id for c in self._candidates(trial, self._seeds()) if not _final(self._record(trial, c.seed))]
        return not open_runs or any(candidate not in self._tried for candidate in open_runs)

    def _seeds(self) -> list[int]:
        first = self.spec.seeds.first
        return list(range(first, first + self.spec.seeds.count))

    def _ask(self) -> FrozenTrial | None:
        trial = self._persist(self.study.ask)
        try:
            suggest(trial, self.spec.search)
        except ValueError as error:  # a queued configuration that is outside today's space
            self._persist(lambda: self.study.tell(trial.number, state=TrialState.FAIL))
            warnings.warn(f"configuration {trial.number} is left out: {error}", stacklevel=2)
            return None
        self._mine.add(trial._trial_id)
        return self._storage.get_trial(trial._trial_id)

    def _is_mine(self, trial: FrozenTrial) -> bool:
        return not self.shared or trial._trial_id in self._mine

    def _requeue_lost(self) -> None:
        """Trials of drivers that died: continued where the folder has one driver, queued again where it is shared."""
        for trial in self._trials():
            if trial.state != TrialState.RUNNING:
                continue
            if not self.shared and _is_whole(trial, self.spec):
                continue  # picked up by _next_batch as it stands
            if self.shared and trial._trial_id not in self._stale():
                continue
            self._requeue(trial)

    def _requeue(self, trial: FrozenTrial) -> None:
        self._persist(lambda: self._storage.set_trial_user_attr(trial._trial_id, REQUEUED, True))
        self._persist(lambda: self.study.tell(trial.number, state=TrialState.FAIL))
        self._enqueue_again(trial)

    def _enqueue_again(self, trial: FrozenTrial) -> None:
        records = {key: value for key, value in trial.user_attrs.items() if key.startswith(RECORD_PREFIX)}
        self._persist(lambda: self.study.enqueue_trial(_params(trial), user_attrs=records))

    def _requeue_for_more_seeds(self, seeds: Sequence[int]) -> None:
        """A study that was given more seeds: a finished trial cannot be changed, so that a copy takes it further."""
        latest = {_key(_params(trial)): trial for trial in self._trials() if REQUEUED not in trial.user_attrs}
        for trial in latest.values():
            if trial.state.is_finished() and any(self._record(trial, seed) is None for seed in seeds):
                self._enqueue_again(trial)

    def _stale(self) -> set[int]:
        storage: Any = self.study._storage
        return set(storage._get_stale_trial_ids(self.study._study_id))

    def _store(self, trial: FrozenTrial, record: Record) -> None:
        key = f"{RECORD_PREFIX}{record['seed']}"
        self._persist(lambda: self._storage.set_trial_user_attr(trial._trial_id, key, _plain(record)))
        value = trial_values([record], self.spec)[0]
        if value is not None:
            self._persist(lambda: self._storage.set_trial_intermediate_value(trial._trial_id, record["seed"], value))

    def _tell(self, trial: FrozenTrial) -> None:
        records = [r for key, r in self._fresh(trial).user_attrs.items() if key.startswith(RECORD_PREFIX)]
        values = trial_values(records, self.spec)
        for name, bound in constraint_values(records, self.spec).items():
            self._persist(
                lambda name=name, bound=bound: optuna.Trial(self.study, trial._trial_id).set_constraint(name, bound)
            )
        if any(value is None for value in values):
            self._persist(lambda: self.study.tell(trial.number, state=TrialState.FAIL))
        else:
            self._persist(lambda: self.study.tell(trial.number, values))

    # Runs ------------------------------------------------------------------------------------------------------------

    def _candidates(self, trial: FrozenTrial, seeds: Sequence[int]) -> list[Candidate]:
        return [candidate_from(trial.params, self.spec, seed=seed) for seed in seeds]

    def _record(self, trial: FrozenTrial, seed: int) -> Record | None:
        return trial.user_attrs.get(f"{RECORD_PREFIX}{seed}")

    def _missing(self, owners: dict[int, FrozenTrial], wanted: dict[int, list[int]]) -> list[Job]:
        jobs = []
        for number, trial in owners.items():
            trial = self._fresh(trial)
            candidates = self._candidates(trial, wanted[number])
            jobs.append((trial, [c for c in candidates if not _final(self._record(trial, c.seed))]))
        return jobs

    def _settled(self, trial: FrozenTrial, seeds: Sequence[int]) -> bool:
        trial = self._fresh(trial)
        return all(_final(self._record(trial, seed)) for seed in seeds)

    def _jobs(self, candidates: Sequence[Candidate]) -> list[CohortJob]:
        """Cohorts of candidates that can train as one program, as large as pays on this device."""
        unique = list({candidate.id: candidate for candidate in candidates}.values())
        if not unique:
            return []
        shape = self.data.load().image_shape
        cohorts = plan_cohorts(unique, shape, device=self.spec.training.device, jobs=self.n_jobs)
        return [self._job([unique[i] for i in cohort]) for cohort in cohorts]

    def _job(self, candidates: Sequence[Candidate]) -> CohortJob:
        return CohortJob(tuple(candidates), self.data, self.name, self.spec.training, self.spec.evaluation, self.folder)

    def _n_done(self) -> int:
        return sum(_final(record) for record in self.raw_records())

    # Storage ---------------------------------------------------------------------------------------------------------

    @property
    def _storage(self) -> BaseStorage:
        return self.study._storage

    def _trials(self) -> list[FrozenTrial]:
        return self._persist(lambda: self.study.get_trials(deepcopy=False))

    def _fresh(self, trial: FrozenTrial) -> FrozenTrial:
        """`trial` as the storage has it now."""
        return self._persist(lambda: self._storage.get_trial(trial._trial_id))

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self._storage if self.shared else None, self._mine)

    def _persist(self, action: Callable[[], T]) -> T:
        return with_patience(action)


class Heartbeat:
    """Tells the database which trials this driver is at, so that others can take over when it dies."""

    def __init__(self, storage: Any, trial_ids: set[int]) -> None:
        self._storage, self._trial_ids = storage, trial_ids
        self._stop = threading.Event()

    def __enter__(self) -> None:
        if self._storage is not None:
            threading.Thread(target=self._beat, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS / 2):
            for trial_id in tuple(self._trial_ids):
                try:
                    self._storage.record_heartbeat(trial_id)
                except Exception:  # a database that is away for a moment: the next beat tries again
                    break


def with_patience(action: Callable[[], T], *, minutes: float = 10.0) -> T:
    """`action`, tried again while the database is away; said once.

    Raises
    ------
    SelectdisError
        If the storage cannot be written (a full disk), or the database stays away for `minutes`.
    """
    start, pause, said = time.monotonic(), 0.5, False
    while True:
        try:
            return action()
        except OSError as error:
            raise SelectdisError(
                f"cannot write the study's records ({error.strerror or error}); what is done is kept: make room or "
                "give write access, then run the same command again"
            ) from None
        except Exception as error:
            if not _database_away(error):
                raise
            if time.monotonic() - start > 60 * minutes:
                raise SelectdisError(
                    f"the database has been away for {minutes:g} minutes; what is done is kept: start it, then run the "
                    "same command again"
                ) from None
            if not said:
                said = True
                warnings.warn(f"the database is away ({type(error).__name__}): waiting for it", stacklevel=2)
            time.sleep(pause)
            pause = min(2 * pause, 15.0)


def _database_away(error: BaseException | None) -> bool:
    while error is not None:
        if type(error).__name__ in ("OperationalError", "InterfaceError", "DisconnectionError"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def _final(record: Record | None) -> bool:
    """A record that need not be made again: all but failures, which another try may mend."""
    return record is not None and record["status"] != "failed"


def _params(trial: FrozenTrial) -> Params:
    return trial.system_attrs.get("fixed_params") or trial.params


def _is_whole(trial: FrozenTrial, spec: StudySpec) -> bool:
    """Whether the driver that asked for `trial` lived to get all its parameters."""
    try:
        candidate_from(trial.params, spec)
    except (KeyError, ValueError):
        return False
    fixed = trial.system_attrs.get("fixed_params", {})
    return all(name in trial.params for name in fixed)


def _key(params: Params) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _plain(record: Record) -> Record:
    """`record` with numpy's numbers as Python's, which JSON can hold."""
    return {
        key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value for key, value in record.items()
    }


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Identity, parameters and state first, then metrics, then criteria."""
    scores = ("metric.", "criterion.")
    plain = [column for column in frame if not str(column).startswith(scores)]
    metrics = sorted(column for column in frame if str(column).startswith("metric."))
    criteria = sorted(column for column in frame if str(column).startswith("criterion."))
    return frame[plain + metrics + criteria]
