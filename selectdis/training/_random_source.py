"""The chance of a cohort's steps on its device: drawn on the host for many steps at once, and ahead for a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from selectdis.training._candidate import Candidate
from selectdis.training._random_streams import BLOCK, Draws, draw_block

__all__ = ["Chance"]


class Chance:
    """The draws of K candidates for each step; what they are is a function of seeds and steps alone (see `streams`).

    Parameters
    ----------
    images
        How many images there are to draw from.
    adversaries
        Those of the candidates that have a discriminator.
    dtype
        Of the noise.
    ahead
        Draw the next block in a thread while the device works on this one.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        adversaries: Sequence[Candidate],
        *,
        images: int,
        device: torch.device,
        dtype: torch.dtype,
        ahead: bool,
    ) -> None:
        self._seeds = [candidate.seed for candidate in candidates]
        self._adversarial = [candidate.seed for candidate in adversaries]
        self._sizes = {"images": images, "batch": candidates[0].batch_size, "latents": candidates[0].latents}
        self._device, self._dtype = device, dtype
        self._draws: dict[str, Tensor] = {}
        self._block = -1
        self._thread = ThreadPoolExecutor(1) if ahead else None
        self._next: tuple[int, Future[Draws]] | None = None

    def at(self, step: int) -> dict[str, Tensor]:
        """The draws of one step by name (see `Draws`), on the device."""
        block, offset = divmod(step, BLOCK)
        if block != self._block:
            self._draws = {name: self._upload(array) for name, array in self._drawn(block)._asdict().items()}
            self._block = block
        return {name: values[offset] for name, values in self._draws.items()}

    def _drawn(self, block: int) -> Draws:
        known = self._next[1].result() if self._next is not None and self._next[0] == block else None
        if self._thread is not None:
            self._next = (block + 1, self._thread.submit(self._draw, block + 1))
        return known if known is not None else self._draw(block)

    def _draw(self, block: int) -> Draws:
        return draw_block(block, self._seeds, self._adversarial, **self._sizes)

    def _upload(self, array: np.ndarray) -> Tensor:
        host = torch.from_numpy(array).to(self._dtype if array.dtype.kind == "f" else torch.int64)
        if self._device.type == "cuda":  # from pinned memory the copy waits for nothing
            host = host.pin_memory()
        return host.to(self._device, non_blocking=True)
