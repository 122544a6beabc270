"""A candidate's own chance: every draw is a function of its seed, its purpose and the step, and of nothing else.

There is no state to carry: a resumed training, another cohort, another device see the same numbers. Candidates with one
seed see the same data order and noise whatever their objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

__all__ = ["BLOCK", "Draws", "Purpose", "draw_block", "stream"]

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


class Draws(NamedTuple):
    """The chance of K candidates over a block of S steps; K' of them have a discriminator."""

    order: np.ndarray  # (S, K, B) int64 indices of images
    noise: np.ndarray  # (S, K, B, L) float32 standard normal
    second_order: np.ndarray  # (S, K', B) int64: the discriminator's own batch
    second_noise: np.ndarray  # (S, K', B, L) float32
    permutation: np.ndarray  # (S, K', B, L) int64: each latent's own permutation of the batch


def stream(seed: int, purpose: Purpose, block: int = 0) -> np.random.Generator:
    """The generator of a seed for one purpose and one block of steps."""
    return np.random.default_rng((seed, int(purpose), block))


def draw_block(
    block: int, seeds: Sequence[int], adversarial: Sequence[int], *, images: int, batch: int, latents: int
) -> Draws:
    """All draws of steps block * BLOCK to (block + 1) * BLOCK - 1; `adversarial`: seeds with a discriminator."""
    codes = (BLOCK, batch, latents)
    return Draws(
        order=_stack(_indices(seed, Purpose.ORDER, block, images, batch) for seed in seeds),
        noise=_stack(stream(seed, Purpose.NOISE, block).standard_normal(codes, np.float32) for seed in seeds),
        second_order=_stack(_indices(s, Purpose.DISCRIMINATOR_ORDER, block, images, batch) for s in adversarial),
        second_noise=_stack(
            stream(s, Purpose.DISCRIMINATOR_NOISE, block).standard_normal(codes, np.float32) for s in adversarial
        ),
        permutation=_stack(_permutations(seed, block, batch, latents) for seed in adversarial),
    )


def _stack(arrays) -> np.ndarray:  # type: ignore[no-untyped-def]
    rows = list(arrays)
    return np.stack(rows, axis=1) if rows else np.empty((BLOCK, 0))


def _indices(seed: int, purpose: Purpose, block: int, images: int, batch: int) -> np.ndarray:
    return stream(seed, purpose, block).integers(images, size=(BLOCK, batch))


def _permutations(seed: int, block: int, batch: int, latents: int) -> np.ndarray:
    ordered = np.broadcast_to(np.arange(batch)[:, None], (BLOCK, batch, latents))
    return stream(seed, Purpose.PERMUTATION, block).permuted(ordered, axis=1)
