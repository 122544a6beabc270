"""Where a study's workers leave the files of a run, in the study's folder."""

from __future__ import annotations

from pathlib import Path

from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.records import is_candidate_id

__all__ = ["codes_path", "model_path"]


def model_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Return where the trained parameters of `candidate` (an id) on `data` lie."""
    return Path(folder) / "models" / data.slug / f"{_checked(candidate)}.safetensors"


def codes_path(folder: str | Path, data: DataReference, candidate: str) -> Path:
    """Return where the mean codes of the probe lie: float32 (probe, latents)."""
    return Path(folder) / "codes" / data.slug / f"{_checked(candidate)}.npy"


def _checked(candidate: str) -> str:
    # An id makes a file name: one from somebody else's study must not lead out of the folder.
    if not is_candidate_id(candidate):
        raise SelectdisError(f"a candidate's id looks like beta_vae-3f9c1a2b-s0, found {candidate!r:.80}")
    return candidate
