"""A candidate's own random numbers: each is a function of its seed, its purpose and the step, and of nothing else.

There is no state to carry: a resumed training, another cohort, another device see the same numbers. Candidates with one
seed see the same data order and noise whatever their objective.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selectdis.data._fresh import hashed
from selectdis.data._pairs import Pairs
from selectdis.training._candidate import Candidate

__all__ = ["BLOCK", "Purpose", "RandomBlock", "RandomSource", "draw_block", "keys_of_uses", "stream"]

BLOCK = 64  # steps drawn at once


class Purpose(IntEnum):
    """What a stream is for; the numbers are part of the results' reproducibility, so they never change."""

    WEIGHTS = 0
    ORDER = 1
    NOISE = 2
    DISCRIMINATOR_WEIGHTS = 3
    DISCRIMINATOR_ORDER = 4
    DISCRIMINATOR_NOISE = 5
    PERMUTATION = 6
    DRAWS = 7
    DISCRIMINATOR_DRAWS = 8
    MODULES = 9  # what torch modules draw themselves, such as dropout
    DISCRIMINATOR_MODULES = 10


class RandomBlock(NamedTuple):
    """The random numbers of K candidates over a block of S steps; K' of them have a discriminator."""

    order: np.ndarray  # (S, K, B) int64 indices of images
    noise: np.ndarray  # (S, K, B, L) float32 standard normal
    second_order: np.ndarray  # (S, K', B) int64: the discriminator's own batch
    second_noise: np.ndarray  # (S, K', B, L) float32
    permutation: np.ndarray  # (S, K', B, L) int64: each latent's own permutation of the batch


def stream(seed: int, purpose: Purpose, block: int = 0) -> np.random.Generator:
    """Return the generator of a seed for one purpose and one block of steps."""
    return np.random.default_rng((seed, int(purpose), block))


def draw_block(
    block: int,
    seeds: Sequence[int],
    adversarial: Sequence[int],
    *,
    images: int,
    batch: int,
    latents: int,
    pairs: Pairs | None = None,
    paired: Sequence[bool] = (),
) -> RandomBlock:
    """All numbers of steps block * BLOCK to (block + 1) * BLOCK - 1; `adversarial`: seeds with a discriminator.

    Of candidates that are `paired` (one flag per seed) images b and b + batch / 2 are a pair of `pairs`.
    """

    def indices(seed: int, purpose: Purpose) -> np.ndarray:
        return stream(seed, purpose, block).integers(images, size=(BLOCK, batch))

    def order(row: int, seed: int) -> np.ndarray:
        if pairs is None or not paired[row]:
            return indices(seed, Purpose.ORDER)
        drawn = pairs.draw(BLOCK * batch // 2, stream(seed, Purpose.ORDER, block))
        return np.concatenate([side.reshape(BLOCK, batch // 2) for side in drawn], axis=1)

    def noise(seed: int, purpose: Purpose) -> np.ndarray:
        return stream(seed, purpose, block).standard_normal((BLOCK, batch, latents), np.float32)

    return RandomBlock(
        order=_stack(order(row, seed) for row, seed in enumerate(seeds)),
        noise=_stack(noise(seed, Purpose.NOISE) for seed in seeds),
        second_order=_stack(indices(seed, Purpose.DISCRIMINATOR_ORDER) for seed in adversarial),
        second_noise=_stack(noise(seed, Purpose.DISCRIMINATOR_NOISE) for seed in adversarial),
        permutation=_stack(_permutations(seed, block, batch, latents) for seed in adversarial),
    )


def _stack(arrays: Iterable[np.ndarray]) -> np.ndarray:
    rows = list(arrays)
    return np.stack(rows, axis=1) if rows else np.empty((BLOCK, 0))


def _permutations(seed: int, block: int, batch: int, latents: int) -> np.ndarray:
    ordered = np.broadcast_to(np.arange(batch)[:, None], (BLOCK, batch, latents))
    return stream(seed, Purpose.PERMUTATION, block).permuted(ordered, axis=1)


def keys_of_uses(seeds: Tensor, purpose: Purpose, step: int | Tensor, batch: int) -> Tensor:
    """Return a key for each use of an image in a step: int64 (K, B) for candidates' seeds (K,), on their device."""
    keys = hashed(torch.full_like(seeds, int(purpose)), seeds)
    return hashed(hashed(keys, step)[:, None], torch.arange(batch, device=seeds.device))


class RandomSource:
    """The random numbers of K candidates for each step, on their device; drawn on the host for many steps at once.

    Parameters
    ----------
    candidates
        The rows of the cohort.
    adversaries
        Those of the candidates that have a discriminator.
    images
        How many images there are to draw from.
    device
        Where the numbers go.
    dtype
        Of the noise.
    ahead
        Draw the next block in a thread while the device works on this one.
    pairs
        What draws the pairs of the candidates that learn from some.
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
        pairs: Pairs | None = None,
    ) -> None:
        self._seeds = [candidate.seed for candidate in candidates]
        self._adversarial = [candidate.seed for candidate in adversaries]
        self._kinds: dict[str, Any] = {
            "images": images,
            "batch": candidates[0].batch_size,
            "latents": candidates[0].latents,
            "pairs": pairs,
            "paired": [candidate.specification.share is not None for candidate in candidates],
        }
        self._device, self._dtype = device, dtype
        self._numbers: dict[str, Tensor] = {}
        self._block = -1
        self._thread = ThreadPoolExecutor(1) if ahead else None
        self._next: tuple[int, Future[RandomBlock]] | None = None

    def at(self, step: int) -> dict[str, Tensor]:
        """Return the numbers of one step by name (see `RandomBlock`), on the device."""
        number, offset = divmod(step, BLOCK)
        return {name: values[offset] for name, values in self.block(number).items()}

    def block(self, number: int) -> dict[str, Tensor]:
        """Return the numbers of `BLOCK` steps by name, on the device."""
        if number != self._block:
            self._numbers = {name: self._upload(array) for name, array in self._drawn(number)._asdict().items()}
            self._block = number
        return self._numbers

    def _drawn(self, block: int) -> RandomBlock:
        known = self._next[1].result() if self._next is not None and self._next[0] == block else None
        if self._thread is not None:
            self._next = (block + 1, self._thread.submit(self._draw, block + 1))
        return known if known is not None else self._draw(block)

    def _draw(self, block: int) -> RandomBlock:
        return draw_block(block, self._seeds, self._adversarial, **self._kinds)

    def _upload(self, array: np.ndarray) -> Tensor:
        host = torch.from_numpy(array).to(self._dtype if array.dtype.kind == "f" else torch.int64)
        if self._device.type == "cuda":  # from pinned memory the copy waits for nothing
            host = host.pin_memory()
        return host.to(self._device, non_blocking=True)
