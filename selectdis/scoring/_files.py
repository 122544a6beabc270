"""Where a study's workers leave the files of a run, in the study's folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from selectdis._files import atomic_write, inside, own_file
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.records import is_candidate_id
from selectdis.training import Run
from selectdis.training._run import write_run

__all__ = [
    "check_places",
    "codes_path",
    "codes_place",
    "encoded_path",
    "encoded_place",
    "forget_codes",
    "model_path",
    "save_run",
]


def check_places(folder: str | Path, data: DataReference) -> None:
    """Refuse a folder where the files of runs on `data` would go elsewhere, before anything is trained."""
    for kind in ("models", "codes", "encoded", "checkpoints"):
        inside(folder, kind, data.slug, "file")


def model_path(folder: str | Path, data: DataReference, candidate: str, at: int | None = None) -> Path:
    """Return where the parameters of `candidate` (an id) on `data` lie, of the end or `at` a step on the way.

    A link there is refused.
    """
    return own_file(folder, "models", data.slug, f"{_named(candidate, at)}.safetensors")


def save_run(folder: str | Path, data: DataReference, run: Run, at: int | None = None) -> None:
    """Write a trained run where `model_path` looks for it, in the place of whatever is there."""
    write_run(run, inside(folder, "models", data.slug, f"{_named(run.candidate.id, at)}.safetensors"), atomic_write)


def codes_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Return where the mean codes of the probe lie: float32 (probe, latents); a link there is refused."""
    return own_file(folder, "codes", data.slug, f"{_checked(candidate)}.npy")


def codes_place(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Return where to write the codes, in the place of whatever is there."""
    return inside(folder, "codes", data.slug, f"{_checked(candidate)}.npy")


def encoded_path(folder: str | Path, data: DataReference, candidate: str, at: int | None = None) -> Path:
    """Return where the codes lie that a run's scores are computed from; a link there is refused."""
    return own_file(folder, "encoded", data.slug, f"{_named(candidate, at)}.safetensors")


def encoded_place(folder: str | Path, data: DataReference, candidate: str, at: int | None = None) -> Path:
    """Return where to write those codes, in the place of whatever is there."""
    return inside(folder, "encoded", data.slug, f"{_named(candidate, at)}.safetensors")


def forget_codes(folder: str | Path, data: DataReference, candidates: Iterable[str]) -> None:
    """Remove the codes that scores were computed from, of the end and on the way, once these are recorded."""
    recorded = {*candidates}
    for path in inside(folder, "encoded", data.slug, "file").parent.glob("*.safetensors"):
        if path.name.partition(".")[0] in recorded:
            path.unlink(missing_ok=True)


def _named(candidate: str, at: int | None) -> str:
    return _checked(candidate) if at is None else f"{_checked(candidate)}.at-{at}"


def _checked(candidate: str) -> str:
    # An id makes a file name: one from somebody else's study must not lead out of the folder.
    if not is_candidate_id(candidate):
        raise SelectdisError(f"a candidate's id looks like beta_vae-3f9c1a2b-s0, found {candidate!r:.80}")
    return candidate
