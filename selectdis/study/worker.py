"""What a worker does: train a cohort, score each run, leave files - a pure function of its job."""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selectdis.study.reference import DataReference
from selectdis.study.scoring import Scorer
from selectdis.study.spec import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate, Run, train_cohort

__all__ = ["CohortJob", "codes_path", "encode_probe", "model_path", "run_cohort"]


@dataclass(frozen=True)
class CohortJob:
    """Candidates to train together on one data set, how, and the study's folder for the files."""

    candidates: tuple[Candidate, ...]
    data: DataReference
    stage: str
    training: TrainingSpec
    evaluation: EvaluationSpec
    folder: str

    @property
    def checkpoint(self) -> Path:
        digest = hashlib.sha256(" ".join(candidate.id for candidate in self.candidates).encode()).hexdigest()[:16]
        return Path(self.folder) / "checkpoints" / self.data.slug / f"{digest}.safetensors"


def model_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Where the trained parameters of `candidate` (an id) on `data` lie."""
    return Path(folder) / "models" / data.slug / f"{candidate}.safetensors"


def codes_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Where the mean codes of the probe sample lie: float32 (probe, latents)."""
    return Path(folder) / "codes" / data.slug / f"{candidate}.npy"


def run_cohort(job: CohortJob) -> list[dict[str, Any]]:
    """Train the candidates of `job` that have no run on disk yet, score all, and return one record each."""
    runs = {candidate.id: _finished_run(job, candidate) for candidate in job.candidates}
    missing = [candidate for candidate in job.candidates if runs[candidate.id] is None]
    failure = ""
    if missing:
        try:
            for run in _train(job, missing):
                run.save(_made(model_path(job.folder, job.data, run.candidate.id)))
                runs[run.candidate.id] = run
        except (OSError, MemoryError):  # the machine's failure, not the candidates'
            raise
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"[:500]
    scorer = _scorer(job.data, job.evaluation)
    records = [_record(job, candidate, runs[candidate.id], scorer, failure) for candidate in job.candidates]
    for used in job.checkpoint.parent.glob(f"{job.checkpoint.stem}*"):  # with those of halved cohorts
        used.unlink(missing_ok=True)
    return records


@functools.lru_cache(maxsize=4)
def _scorer(data: DataReference, evaluation: EvaluationSpec) -> Scorer:
    return Scorer(data.load(), evaluation)


def _train(job: CohortJob, candidates: Sequence[Candidate]) -> Iterable[Run]:
    options = job.training
    return train_cohort(
        candidates,
        _scorer(job.data, job.evaluation).training_data,
        steps=options.steps,
        device=options.device,
        precision=options.precision,
        checkpoint=_made(job.checkpoint),
        **({"checkpoint_every": options.checkpoint_every} if options.checkpoint_every else {}),
        **({"curve_every": options.curve_every} if options.curve_every else {}),
    )


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
    """Write atomically: a reader sees the whole file or none."""
    with tempfile.NamedTemporaryFile(dir=_made(path).parent, suffix=".tmp", delete=False) as file:
        try:
            np.save(file, codes, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
