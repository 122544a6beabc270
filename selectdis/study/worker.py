"""What a worker does: train a cohort, score each run, leave files - a pure function of its job."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from selectdis.errors import SelectdisError
from selectdis.study.records import is_candidate_id
from selectdis.study.reference import DataReference
from selectdis.study.scoring import Scorer
from selectdis.study.spec import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate, Run, remove_checkpoint, train_cohort
from selectdis.training.runtime import TrainingInterrupted

__all__ = ["CohortJob", "codes_path", "encode_probe", "model_path", "run_cohort", "stoppable"]

Records = list[dict[str, Any]]
STOP_SECONDS = 0.5
_ONE_AT_A_TIME = threading.Lock()  # a Dask worker may have several threads; settings of torch are the process's


@dataclass(frozen=True)
class CohortJob:
    """Candidates to train together on one data set, how, and the study's folder for the files."""

    candidates: tuple[Candidate, ...]
    data: DataReference
    stage: str
    training: TrainingSpec
    evaluation: EvaluationSpec
    folder: str
    stop: str = ""  # a file that the driver makes to ask for the end
    parent: int = 0  # the driver's process, where the worker is a child that must not outlive it

    @property
    def checkpoint(self) -> Path:
        digest = hashlib.sha256(" ".join(candidate.id for candidate in self.candidates).encode()).hexdigest()[:16]
        return Path(self.folder) / "checkpoints" / self.data.slug / f"{digest}.safetensors"


def model_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Where the trained parameters of `candidate` (an id) on `data` lie."""
    return Path(folder) / "models" / data.slug / f"{_checked(candidate)}.safetensors"


def codes_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Where the mean codes of the probe sample lie: float32 (probe, latents)."""
    return Path(folder) / "codes" / data.slug / f"{_checked(candidate)}.npy"


def _checked(candidate: str) -> str:
    """An id makes a file name: one from somebody else's study must not lead out of the folder."""
    if not is_candidate_id(candidate):
        raise SelectdisError(f"a candidate's id looks like beta_vae-3f9c1a2b-s0, found {candidate!r:.80}")
    return candidate


def run_cohort(job: CohortJob) -> Records:
    """Train the candidates of `job` that have no run on disk yet, score all, and return one record each.

    Raises
    ------
    TrainingInterrupted
        If the driver asked for the end; the state of the cohort is saved.
    """
    with _ONE_AT_A_TIME:
        return _run_cohort(job)


def _run_cohort(job: CohortJob) -> Records:
    runs = {candidate.id: _finished_run(job, candidate) for candidate in job.candidates}
    missing = [candidate for candidate in job.candidates if runs[candidate.id] is None]
    trained, failure = _trained(job, missing) if missing else ([], "")
    for run in trained:
        if runs[run.candidate.id] is None:
            run.save(_made(model_path(job.folder, job.data, run.candidate.id)))
            runs[run.candidate.id] = run
    scorer = _scorer(job.data, job.evaluation)
    records = [_record(job, candidate, runs[candidate.id], scorer, failure) for candidate in job.candidates]
    _forget_checkpoint(job)
    return records


def stoppable(work: Callable[[CohortJob], Records], number: int, job: CohortJob) -> tuple[int, Records | None]:
    """In a worker: the number and the records of a job, or None where its driver asked to stop."""
    if os.path.exists(job.stop):
        return number, None
    try:
        return number, work(job)
    except TrainingInterrupted:
        return number, None


@functools.lru_cache(maxsize=4)
def _scorer(data: DataReference, evaluation: EvaluationSpec) -> Scorer:
    return Scorer(data.load(), evaluation)


def _trained(job: CohortJob, missing: Sequence[Candidate]) -> tuple[list[Run], str]:
    """The trained runs, or none and why."""
    try:
        return _train(job, missing), ""
    except (OSError, MemoryError):  # the machine's failure, not the candidates'
        raise
    except Exception as error:
        return [], f"{type(error).__name__}: {error}"[:500]


def _train(job: CohortJob, missing: Sequence[Candidate]) -> list[Run]:
    """Train what is missing; a cohort with a checkpoint goes on as a whole, since the checkpoint is of the whole."""
    if not any(job.checkpoint.parent.glob(f"{job.checkpoint.stem}*.safetensors")):
        return _train_from(replace(job, candidates=tuple(missing)))
    try:
        return _train_from(job)
    except SelectdisError as error:
        warnings.warn(f"{error}; this cohort is trained from the start", stacklevel=2)
        _forget_checkpoint(job)
        return _train_from(replace(job, candidates=tuple(missing)))


def _train_from(job: CohortJob) -> list[Run]:
    options = job.training
    given = {"checkpoint_every": options.checkpoint_every, "curve_every": options.curve_every}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value}
    write_atomically(job.checkpoint.with_suffix(".json"), json.dumps([c.id for c in job.candidates]).encode())
    return train_cohort(
        job.candidates,
        _scorer(job.data, job.evaluation).training_data,
        steps=options.steps,
        device=options.device,
        precision=options.precision,
        compile=options.compile,
        checkpoint=job.checkpoint,
        should_stop=_stop_asked(job),
        **chosen,
    )


def _stop_asked(job: CohortJob) -> Callable[[], bool]:
    """Whether the driver left word to stop, or is no longer there; looked up once in a while."""
    last, stopped = 0.0, False

    def asked() -> bool:
        nonlocal last, stopped
        if not stopped and time.monotonic() - last > STOP_SECONDS:
            last = time.monotonic()
            stopped = os.path.exists(job.stop) or job.parent not in (0, os.getppid())
        return stopped

    return asked


def _forget_checkpoint(job: CohortJob) -> None:
    remove_checkpoint(job.checkpoint)
    job.checkpoint.with_suffix(".json").unlink(missing_ok=True)


def _finished_run(job: CohortJob, candidate: Candidate) -> Run | None:
    """The run that an earlier driver left, unless it is damaged or was trained for another number of steps."""
    path = model_path(job.folder, job.data, candidate.id)
    if not path.exists():
        return None
    try:
        run = Run.load(path)
    except ValueError:
        return None
    whole = run.status == "diverged" or run.steps == job.training.steps
    return run if run.candidate == candidate and whole else None


def _record(job: CohortJob, candidate: Candidate, run: Run | None, scorer: Scorer, failure: str) -> dict[str, Any]:
    record = describe(candidate, job)
    if run is None:
        return record | {"status": "failed", "error": failure}
    record |= {"status": run.status, "failed_step": run.failed_step, "seconds": round(run.seconds, 3)}
    if run.status == "diverged":
        return record
    try:
        scores, codes = scorer.score(run)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        return record | {"status": "failed", "error": f"scoring: {type(error).__name__}: {error}"[:500]}
    _write_codes(codes_path(job.folder, job.data, candidate.id), codes)
    return record | scores


def encode_probe(folder: str, data: DataReference, evaluation: EvaluationSpec, candidate: str) -> np.ndarray:
    """The probe's codes of a trained run, made again and written: float32 (probe, latents).

    Raises
    ------
    SelectdisError
        If the run's file is missing or damaged.
    """
    codes = Run.load(model_path(folder, data, candidate)).transform(_scorer(data, evaluation).probe)
    _write_codes(codes_path(folder, data, candidate), codes)
    return codes


def describe(candidate: Candidate, job: CohortJob) -> dict[str, Any]:
    """The identity and the parameters of a record, flat."""
    flat = candidate.to_dict()
    strengths = flat.pop("strengths")
    return {
        "dataset": job.data.load().name,
        "stage": job.stage,
        "candidate": candidate.id,
        "configuration": candidate.configuration,
        **flat,
        "strength": candidate.strength,
        **{f"strength.{name}": value for name, value in strengths.items()},
        "steps": job.training.steps,
    }


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_codes(path: Path, codes: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, codes, allow_pickle=False)
    write_atomically(path, content.getvalue())


def write_atomically(path: Path, content: bytes) -> None:
    """A reader sees the whole file or none."""
    with tempfile.NamedTemporaryFile(dir=_made(path).parent, suffix=".tmp", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
