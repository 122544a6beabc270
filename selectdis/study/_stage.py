"""One stage of a study: configurations and seeds on one data set, recorded in one Optuna study, resumed by itself."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pandas as pd
from optuna.trial import FrozenTrial

from selectdis.data._reference import DataReference
from selectdis.records import Record, active_latents, as_frame, checked_pool, is_settled, of_one_version, scores_version
from selectdis.records._record import KL
from selectdis.scoring._files import forget_codes, model_path
from selectdis.scoring._many_runs import pool_criteria
from selectdis.scoring._version import SCORES_VERSION, is_outdated
from selectdis.spec import StudySpec
from selectdis.study._batch import Batch, RunRequest
from selectdis.study._listener import StageInfo
from selectdis.study._trial_records import merged_records, records_on_the_way
from selectdis.study._trials import Trials
from selectdis.study.persistence._database import retry_while_away
from selectdis.training import Run

if TYPE_CHECKING:
    from selectdis.study._listener import Listeners

__all__ = ["Stage"]

POOL, POOL_VERSION, BUDGET = "pool_criteria", "pool_criteria_version", "stopped_by_budget"
WAIT_SECONDS = 2.0  # between looks at what other drivers are at


class Stage:
    """Trains and records configurations on one data set.

    A trial is a configuration. The record of each of its seeds is one user attribute, written as soon as the run ends;
    the trial is told when all its seeds have ended. So whatever kills the driver, what is in the storage is whole.
    Its name is "proxy" or "target"; in the study's `folder` workers leave models, codes and checkpoints; `shared` says
    whether other drivers may work on the same storage.
    """

    def __init__(
        self, name: str, spec: StudySpec, data: DataReference, optuna_study: optuna.Study, folder: Path, *, shared: bool
    ) -> None:
        self.name, self.spec, self.data, self.folder = name, spec, data, folder
        self.study = optuna_study
        self.trials = Trials(optuna_study, spec, shared=shared, carried=name == "target")
        self.known: dict[str, Record] = {}  # candidate -> its record, where it need not be made again
        self._said_waiting = False

    # What is recorded ------------------------------------------------------------------------------------------------

    @property
    def info(self) -> StageInfo:
        """What listeners are told of the stage; the images are loaded."""
        return StageInfo(self.name, self.data.load(), self.folder)

    def raw_records(self) -> list[Record]:
        """Return one dict per run, in the order of configurations and seeds; a run of two trials appears once.

        Scores of an older version never stand beside new ones: where there are both, the older are left out, and said.
        """
        return of_one_version(merged_records(self.trials.all()))

    @property
    def records(self) -> pd.DataFrame:
        """Tidy frame, one row per run, with the criteria over many runs as of the end of the stage."""
        return as_frame(self.raw_records(), self._pool or {})

    def records_on_the_way(self) -> list[Record]:
        """Return the records of runs after the shares of the steps `evaluation.at`, before their ends."""
        return of_one_version(records_on_the_way(self.trials.all()))

    def is_on_the_way(self, record: Record) -> bool:
        """Whether a record is of a run before its end."""
        return bool(record.get("steps", self.spec.training.steps) < self.spec.training.steps)

    @property
    def judged(self) -> bool:
        """Whether the stage has come to its end once, where the criteria over many runs are computed."""
        return self._pool is not None

    @property
    def _pool(self) -> dict[str, dict[str, float]] | None:
        """Candidate -> its criteria over many runs, as of the end of the stage; None before, or where damaged."""
        recorded = self.study.user_attrs.get(POOL)
        if (pool := checked_pool(recorded)) is None and recorded is not None:
            warnings.warn(
                f"the criteria over many runs on {self.data.name} are damaged, and left out until the next run of the "
                "study makes them again",
                stacklevel=3,
            )
        return pool

    @property
    def stopped(self) -> str:
        """Where the time budget ended the stage before all its runs were done: a sentence that says so. Else empty."""
        cut = self.study.user_attrs.get(BUDGET)
        if not isinstance(cut, dict) or not all(isinstance(cut.get(key), int | float) for key in ("done", "of")):
            return ""
        command = "run" if self.name == "proxy" else "transfer"
        return (
            f"stopped by the time budget after {cut['done']:g} of {cut['of']:g} runs; what is done is kept: "
            f"`selectdis {command}` goes on"
        )

    def model_path(self, candidate: str) -> Path:
        """Return where the trained parameters of `candidate` (an id) lie."""
        return model_path(self.folder, self.data, candidate)

    def load_run(self, candidate: str) -> Run | None:
        """Return the trained run of `candidate` (an id); None where it left no whole file."""
        try:
            return Run.load(self.model_path(candidate))
        except ValueError:  # missing or damaged: the study trains it again
            return None

    def kl_per_latent(self, candidate: str) -> list[float] | None:
        """Return the KL of each latent of `candidate` (an id) in nats, as its record has it; None where it has none."""
        records = (record for record in self.raw_records() if record["candidate"] == candidate)
        return next(records, {}).get(KL)

    def is_done(self, record: Record | None) -> bool:
        """Whether a run needs no more work: it did not fail, and no older version scored it whose model is here."""
        if record is None or not is_settled(record):
            return False
        return not (is_outdated(record) and self.model_path(record["candidate"]).exists())

    # Running ---------------------------------------------------------------------------------------------------------

    def run(self, request: RunRequest, listeners: Listeners) -> None:
        """Train all that is queued, and what the sampler suggests; then compute the criteria over many runs.

        Where drivers share the storage, this returns when all of them are done: what one that died was at is done here.
        """
        listeners.stage_started(self)
        # Without those that are scored again: the listeners are told of them then.
        earlier = [r for r in merged_records(self.trials.all()) if self.is_done(r) or not is_settled(r)]
        listeners.runs_finished(self, of_one_version(earlier))  # which the listeners may have missed
        self.known = {record["candidate"]: record for record in earlier if is_settled(record)}
        forget_codes(self.folder, self.data, self.known)  # of a driver that was killed after it had recorded the scores
        if not request.scores:
            self._train_only(request, listeners)
            return
        with self.trials.at_work():
            self.trials.recover(request.seeds, self.is_done)
            while request.time_left():
                if batch := self.trials.take(request.trials):
                    Batch(self, batch, request, listeners).run()
                elif not self._wait_for_others(request):
                    break
        self.trials.exclusively(self._judge)
        self._note_budget(request)
        records = self.records
        _warn_of_failures(records)
        listeners.stage_finished(self, records)

    def _train_only(self, request: RunRequest, listeners: Listeners) -> None:
        """Train all that is queued, and leave the trials as a driver does that is killed before the scores."""
        begun: set[int] = set()
        with self.trials.at_work():
            self.trials.recover(request.seeds, self.is_done)
            while request.time_left():
                batch = [trial for trial in self.trials.take(request.trials) if trial.number not in begun]
                if not batch:
                    return
                begun |= {trial.number for trial in batch}
                Batch(self, batch, request, listeners).train_only()

    def store(self, trial: FrozenTrial, record: Record) -> None:
        """Write the record of a run, at once and for good."""
        if self.is_on_the_way(record):
            self.trials.store_on_the_way(trial, record)
            return
        self.trials.store(trial, record)
        if is_settled(record):
            self.known[record["candidate"]] = record

    def _wait_for_others(self, request: RunRequest) -> bool:
        """Wait a moment for other drivers, and take over from dead ones; False when there are none at work."""
        if not self.trials.shared or not (count := self.trials.elsewhere()):
            return False
        if not self._said_waiting:
            self._said_waiting = True
            warnings.warn(f"other drivers are at the last {count} configurations: waiting for them", stacklevel=3)
        time.sleep(min(WAIT_SECONDS, self.trials.lost_after / 4))
        self.trials.recover(request.seeds, lambda record: record is not None)
        return True

    def _note_budget(self, request: RunRequest) -> None:
        """Record that the time ran out before the work was done, or no longer."""
        done, of = self.trials.progress(request.seeds, request.trials)
        cut = None if request.time_left() or done >= of else {"done": done, "of": of, "minutes": self.spec.time_budget}
        if cut != self.study.user_attrs.get(BUDGET):
            retry_while_away(lambda: self.study.set_user_attr(BUDGET, cut))
        if self.stopped:
            warnings.warn(f"{self.name} {self.data.name}: {self.stopped}", stacklevel=3)

    def _judge(self) -> None:
        """Compute the criteria over many runs where they are not of the runs that there are."""
        records = self.raw_records()
        usable = {r["candidate"] for r in records if is_settled(r) and active_latents(r) is not None}
        version = max((scores_version(record) or 1 for record in records), default=1)
        current = self.study.user_attrs.get(POOL_VERSION, 1)
        newer = not isinstance(current, int) or current < version
        if (pool := self._pool) is None or set(pool) != usable or newer:
            pool = pool_criteria(records, str(self.folder), self.data, self.spec.evaluation)
            self.study.set_user_attr(POOL, pool)
            self.study.set_user_attr(POOL_VERSION, SCORES_VERSION)


def _warn_of_failures(records: pd.DataFrame) -> None:
    failed = records[records["status"] == "failed"] if "status" in records else records
    if len(failed):
        warnings.warn(
            f"{len(failed)} of {len(records)} runs failed and are tried again by the next run of the study; the "
            f"first: {failed['candidate'].iloc[0]}: {failed['error'].iloc[0]}",
            stacklevel=3,
        )
