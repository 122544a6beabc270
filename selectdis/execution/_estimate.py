"""How long a training will take, measured on a few steps of it before it begins."""

from __future__ import annotations

import heapq
import time
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch

from selectdis.execution._job import CohortJob
from selectdis.execution._recording import encode_on_device, scoring_processes
from selectdis.execution._study_jobs import jobs_of
from selectdis.scoring._probe import scorer_of
from selectdis.training import Candidate, Run, TrainingInterrupted, program_key, train_cohort
from selectdis.training._checkpoint import descriptions_in
from selectdis.training._runtime import compute_settings

__all__ = ["TimeEstimate", "estimate_time"]

MEASURED, FEWEST = 60, 5  # steps of one kind of cohort, at most and, where these take longer than
LONGEST = 1.5  # seconds, at least
MOST_KINDS = 6  # of cohorts that are measured; the others count as the mean


@dataclass(frozen=True)
class TimeEstimate:
    """How long runs will take; ``str()`` says it.

    Attributes
    ----------
    runs : int
        That are still to be made.
    training, scoring : float
        Seconds of this machine for each part, all processes at work.
    n_jobs : int
        Processes that work at the same time.
    overlapped : bool
        Whether runs are scored while the next ones train, as beside a GPU.
    measured : int
        Steps that it rests on.
    """

    runs: int
    training: float = 0.0
    scoring: float = 0.0
    n_jobs: int = 1
    overlapped: bool = False
    measured: int = 0

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return max(self.training, self.scoring) if self.overlapped else self.training + self.scoring

    @property
    def seconds_per_run(self) -> float:
        """Seconds by which one more run prolongs it."""
        return self.seconds / max(self.runs, 1)

    def prolonged(self, runs: int) -> TimeEstimate:
        """Return the same with so many runs more, each as long as these."""
        factor = (self.runs + runs) / self.runs
        training, scoring = self.training * factor, self.scoring * factor
        return replace(self, runs=self.runs + runs, training=training, scoring=scoring)

    def __add__(self, other: TimeEstimate) -> TimeEstimate:
        return TimeEstimate(
            self.runs + other.runs,
            self.training + other.training,
            self.scoring + other.scoring,
            max(self.n_jobs, other.n_jobs),
            self.overlapped or other.overlapped,
            self.measured + other.measured,
        )

    def __str__(self) -> str:
        if not self.runs:
            return "nothing is left to train"
        how = f"{self.n_jobs} processes" if self.n_jobs > 1 else "one process"
        return (
            f"about {in_words(self.seconds)} for {self.runs} runs in {how} (training {in_words(self.training)}, "
            f"scoring {in_words(self.scoring)}{' at the same time' if self.overlapped else ''}), measured on "
            f"{self.measured} steps; other work on this machine makes it longer"
        )


def in_words(seconds: float) -> str:
    """Return a time as people say it: two digits and a unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}" if seconds < 99 * size else f"{seconds / size:,.0f} {unit}"
    return f"{max(seconds, 1):.2g} seconds"


def estimate_time(
    candidates: Sequence[Candidate], template: CohortJob, *, n_jobs: int, in_parts: bool = False
) -> TimeEstimate:
    """Measure how long `candidates` take, by a few steps of each kind of cohort and the scores of one run.

    Parameters
    ----------
    candidates : sequence of Candidate
        What is to be trained, each once.
    template : CohortJob
        On what, and how.
    n_jobs : int
        Processes that are to work at the same time.
    in_parts : bool
        As of `jobs_of`.

    Returns
    -------
    TimeEstimate
    """
    if not candidates:
        return TimeEstimate(0)
    jobs = jobs_of(candidates, template, n_jobs=n_jobs, in_parts=in_parts)
    kinds = Counter(map(_kind, jobs))
    first = {_kind(job): job for job in reversed(jobs)}
    rates, measured = {}, 0
    for kind, _ in kinds.most_common(MOST_KINDS):
        rates[kind], count = _seconds_per_step(first[kind])
        measured += count
    usual = sum(rates.values()) / len(rates)
    steps, at_once = template.training.steps, min(n_jobs, len(jobs))
    training = _seconds_of_all([(steps - _steps_done(job)) * rates.get(_kind(job), usual) for job in jobs], at_once)
    scoring = _seconds_to_score(jobs[0]) * len(candidates) * len(template.evaluation.at)
    scorers = scoring_processes(template.training.device)
    return TimeEstimate(
        len(candidates),
        training,
        scoring / (scorers or at_once),
        at_once,
        overlapped=scorers > 0,
        measured=measured,
    )


def _seconds_of_all(tasks: Iterable[float], at_once: int) -> float:
    """Return when the last of `tasks` (seconds each) ends, each begun as soon as a process is free."""
    ends = [0.0] * at_once
    for seconds in tasks:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def _steps_done(job: CohortJob) -> int:
    """Return the steps of a cohort that was interrupted, as its checkpoint has them; 0 for a new one."""
    found = {path: description.get("step") for path, description in descriptions_in(job.checkpoint.parent)}
    step = found.get(job.checkpoint)
    return min(step, job.training.steps) if isinstance(step, int) and step > 0 else 0


def _kind(job: CohortJob) -> Hashable:
    """Return what cohorts share that take the same time: their program, and how many candidates of each objective."""
    return program_key(job.candidates[0]), tuple(sorted(Counter(c.objective for c in job.candidates).items()))


def _seconds_per_step(job: CohortJob) -> tuple[float, int]:
    """Train a cohort for a few steps; return the median of their seconds, and how many there were.

    The first ones compile kernels and fill caches, and are few enough for the median.
    """
    on_cuda = compute_settings(job.training.device).device.type == "cuda"
    times = [time.perf_counter()]

    def clock() -> bool:
        if on_cuda:  # whose steps are only asked for so far
            torch.cuda.synchronize()
        times.append(time.perf_counter())
        return times[-1] - times[0] > LONGEST and len(times) > FEWEST

    with suppress(TrainingInterrupted):  # that was enough
        _train(job, min(job.training.steps, MEASURED), clock)
    return float(np.median(np.diff(times))), len(times) - 1


def _seconds_to_score(job: CohortJob) -> float:
    """Return how long the scores of one run take; it is trained for a step only, which changes little."""
    scorer = scorer_of(job.data, job.evaluation)
    (run,) = _train(replace(job, candidates=job.candidates[:1]), 1, lambda: False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about a run that nobody keeps
        start = time.perf_counter()
        encoded = encode_on_device(job, run)
        scorer.score_codes(encoded, run.candidate)
        return time.perf_counter() - start


def _train(job: CohortJob, steps: int, clock: Callable[[], bool]) -> list[Run]:
    options = job.training
    return train_cohort(
        job.candidates,
        scorer_of(job.data, job.evaluation).training_data,
        steps=steps,
        device=options.device,
        precision=options.precision,
        compile=options.compile,
        should_stop=clock,
    )
