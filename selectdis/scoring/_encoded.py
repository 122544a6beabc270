"""What the scores need of a run: its codes of the images that were drawn for them, made once, where its weights are.

Scores are then computed from these arrays alone, in any process, without the model, the images, or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from selectdis._files import quick_write
from selectdis.errors import SelectdisError
from selectdis.training._safetensors_file import WRITE_ERRORS, read_file, write_file

if TYPE_CHECKING:  # it brings torch
    from torch import Tensor, device

    from selectdis.training import Run

__all__ = ["Encoded", "ImageSource", "encode", "encode_and_judge", "read_encoded", "write_encoded"]

KIND = "codes of a run"
CHUNK = 512  # images that are read at once, on CPU
DEVICE_CHUNK = 65_536  # images that are sent to a device at once, where it cannot hold them all
DEVICE_SHARE = 0.25  # of the free memory of a device, up to which the images of the scores stay there
T = TypeVar("T")


@dataclass(frozen=True)
class Encoded:
    """Arrays of one run, float32, a row per image.

    Attributes
    ----------
    mean, log_variance : (k, latents)
        Of `Scorer.needed`.
    held_out_mean, held_out_log_variance : (n, latents)
        Of the images outside training.
    reconstruction_error : (n,)
        Of the same, in nats.
    probe : (probe, latents)
        Means, of the images for the criteria over many runs.
    decoded, shuffled : (n, c, h, w)
        What the run decodes from its held-out codes, and from the same with their latents shuffled; empty where no
        criterion asks for them.
    """

    mean: np.ndarray
    log_variance: np.ndarray
    held_out_mean: np.ndarray
    held_out_log_variance: np.ndarray
    reconstruction_error: np.ndarray
    probe: np.ndarray
    decoded: np.ndarray
    shuffled: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return int(sum(getattr(self, own.name).nbytes for own in fields(self)))


class ImageSource:
    """Images by index, in chunks where a run's weights are.

    On CPU they are read chunk by chunk. A device keeps them for the next run, until `forget`, where a quarter of its
    free memory is enough, and is sent them anew for each run elsewhere.

    Parameters
    ----------
    read : callable
        int64 (k,) indices -> uint8 (k, c, h, w).
    indices : ndarray (k,)
        Of all the images.
    image_bytes : int
        Of one image.
    """

    def __init__(self, read: Callable[[np.ndarray], np.ndarray], indices: np.ndarray, image_bytes: int) -> None:
        self._read, self._indices, self._image_bytes = read, indices, image_bytes
        self._resident: dict[str, Tensor] = {}

    def starts(self, where: device) -> list[int]:
        """Where each chunk begins."""
        return list(range(0, len(self._indices), self._size(where)))

    def chunk(self, start: int, where: device) -> np.ndarray | Tensor:
        """Return the images from `start` on: an array for the CPU, a tensor on a device."""
        if where.type == "cpu":
            return self._read(self._indices[start : start + CHUNK])
        if self._fits(where):
            return self._whole(where)
        return self._sent(self._indices[start : start + DEVICE_CHUNK], where)

    def _size(self, where: device) -> int:
        if where.type == "cpu":
            return CHUNK
        return max(len(self._indices), 1) if self._fits(where) else DEVICE_CHUNK

    def _fits(self, where: device) -> bool:
        from selectdis.training._memory import device_memory

        room = DEVICE_SHARE * device_memory(where)
        return str(where) in self._resident or len(self._indices) * self._image_bytes <= room

    def _whole(self, where: device) -> Tensor:
        if str(where) not in self._resident:
            whole: Tensor | None = None
            for start in range(0, len(self._indices), DEVICE_CHUNK):
                part = self._sent(self._indices[start : start + DEVICE_CHUNK], where)
                whole = part.new_empty((len(self._indices), *part.shape[1:])) if whole is None else whole
                whole[start : start + len(part)] = part
            assert whole is not None
            self._resident[str(where)] = whole
        return self._resident[str(where)]

    def _sent(self, indices: np.ndarray, where: device) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(self._read(indices))).to(where)

    def forget(self) -> None:
        """Give back what a device holds."""
        self._resident.clear()


def encode(run: Run, source: ImageSource) -> tuple[np.ndarray, ...]:
    """Return mean and log-variance of all images of `source`, float32 (k, latents) each."""
    return _over_chunks(run, source, run.encode)


def encode_and_judge(run: Run, source: ImageSource) -> tuple[np.ndarray, ...]:
    """Return mean, log-variance and reconstruction error of all images of `source`."""
    return _over_chunks(run, source, run.encode_and_judge)


def _over_chunks(
    run: Run, source: ImageSource, call: Callable[[Any], tuple[np.ndarray, ...]]
) -> tuple[np.ndarray, ...]:
    where = next(iter(run.parameters.values())).device

    def of_chunk(start: int) -> tuple[np.ndarray, ...]:
        return call(source.chunk(start, where))

    starts = source.starts(where)
    parts = _on_threads(of_chunk, starts) if where.type == "cpu" else list(map(of_chunk, starts))
    return tuple(np.concatenate(own) for own in zip(*parts, strict=True))


def _on_threads(call: Callable[[int], T], starts: list[int]) -> list[T]:
    """Do `call` of each start, by as many threads as torch may use: two of one each are faster than one of two.

    Freed memory stays with the process meanwhile: without that, new pages took 40% of the time.
    """
    import torch

    from selectdis.training._runtime import keep_memory

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with keep_memory():
            if threads == 1 or len(starts) == 1:
                return list(map(call, starts))
            # Each thread says so itself: what the one above was told does not hold for a new one.
            with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return list(pool.map(call, starts))
    finally:
        torch.set_num_threads(threads)


def write_encoded(path: Path, encoded: Encoded, about: Mapping[str, Any]) -> None:
    """Write the codes of a run, and what they are `about`, to a file that is whole or not there.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    arrays = {own.name: getattr(encoded, own.name) for own in fields(encoded)}
    try:
        write_file(path, arrays, {"kind": KIND, **about}, quick_write)
    except WRITE_ERRORS as error:
        raise error if isinstance(error, OSError) else OSError(str(error)) from None


def read_encoded(path: Path) -> tuple[Encoded, dict[str, Any]] | None:
    """Return what `write_encoded` left; None where there is no whole file: the model makes it again."""
    try:
        arrays, about = read_file(path, KIND)
        return Encoded(**arrays), about
    except (SelectdisError, TypeError):
        return None
