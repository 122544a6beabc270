"""How the kernels cut a layer into tiles: by its shape alone, so that results depend on nothing else.

The rules are those of the fastest tiles for the layers of the architectures on an H200 (benchmarks/kernels.py), within
a tenth. A change of them changes results in the last digits, and so `training.cuda._kernel_program.KERNELS`.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Tiles", "matmul_tiles", "tiles_of", "weight_tiles"]


class Tiles(NamedTuple):
    """Rows, columns and depth of a tile, its warps, stages of loads ahead, and parts of a sum over images."""

    rows: int
    columns: int
    depth: int
    warps: int = 4
    stages: int = 3
    splits: int = 1


def power(number: int, least: int = 16) -> int:
    """Return the smallest power of two that is at least `number` and `least`."""
    return max(least, 1 << (number - 1).bit_length())


def tiles_of(kernel: str, inputs: int, outputs: int, side: int) -> Tiles:
    """Return the tiles of a convolution ("conv" or "deconv")."""
    columns = min(power(outputs), 64)
    if kernel == "conv" and inputs < 16:  # the taps of few channels are one sum
        return Tiles(256, columns, min(power(side * side * inputs), 64), stages=2)
    depth = next((d for d in (32, 16) if inputs % d == 0), 16)
    if kernel == "conv":
        return Tiles(128, columns, depth, stages=4)
    return Tiles(256 if columns < 64 else 64, columns, depth)


def weight_tiles(height: int, inputs: int, outputs: int, side: int, images: int) -> Tiles:
    """Return the tiles of the gradient of a convolution's weights; `height` is that of the larger side."""
    places, taps, columns = images * (height // 2) ** 2, side * side * inputs, min(power(outputs), 64)
    if taps < 64:
        return Tiles(power(taps), columns, 128, stages=2, splits=max(1, min(16, places // 512)))
    tiles = -(-taps // 128) * -(-outputs // columns)
    splits = max(1, min(16 // tiles, places // 512))
    return Tiles(128, columns, 64 if columns == 64 else 32, stages=3, splits=splits)


def matmul_tiles(rows: int, columns: int, depth: int) -> Tiles:
    """Return the tiles of a matrix product."""
    return Tiles(min(power(rows), 128), min(power(columns), 64 if rows <= 64 else 128), min(power(depth), 64))
