"""A folder of real pictures that need no download: crops of two photographs that come with scikit-learn.

python examples/crops.py crops --n 1500
selectdis pick folder:crops --minutes 10
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images


def write_crops(folder: Path, n: int, size: int, seed: int) -> None:
    """Write `n` square crops at random places; a file's name says the photograph and the place."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    photographs = dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    for k in range(n):
        name = ("china", "flower")[k % 2]
        height, width, _ = photographs[name].shape
        x, y = int(rng.integers(width - size)), int(rng.integers(height - size))
        crop = photographs[name][y : y + size, x : x + size]
        Image.fromarray(crop).save(folder / f"{name}-{x:03}-{y:03}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=1500, help="crops")
    parser.add_argument("--size", type=int, default=96, help="pixels per side")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_crops(options.folder, options.n, options.size, options.seed)
    print(f"{len(list(options.folder.glob('*.png'))):,} pictures in {options.folder}")


if __name__ == "__main__":
    main()
