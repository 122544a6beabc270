"""Arrays and reference values of a case, and its representation as an encoder of factors."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from selectdis.data._dataset import ImageDataset

HERE = Path(__file__).parent
CASES = ("a_perfect", "b_rotated", "g_dead", "h_vae_dsprites")
VALUES = json.loads((HERE / "values.json").read_text(encoding="utf-8"))
VALUES2 = json.loads((HERE / "values2.json").read_text(encoding="utf-8"))


@cache
def arrays(name):
    with np.load(HERE / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


def split(name, dtype=np.float32):
    """codes_train, factors_train, codes_test, factors_test."""
    case = arrays(name)
    return (
        case["codes_train"].astype(dtype),
        case["factors_train"],
        case["codes_test"].astype(dtype),
        case["factors_test"],
    )


def value(name, key, dtype=np.float32):
    """The reference's number; NaN where it had none."""
    found = VALUES[name][key + ("__float64" if dtype == np.float64 else "")]
    return float("nan") if isinstance(found, dict) else float(found)


def spread(name, key):
    """Mean and standard deviation over seeds."""
    found = VALUES[name][key]
    return found["mean"], found["sd"]


def grid(name):
    """A data set with the factors of the case and one blank pixel for an image: draws need no more."""
    sizes = tuple(int(size) for size in arrays(name)["factor_sizes"])
    images = np.broadcast_to(np.zeros((1, 1, 1, 1), dtype=np.uint8), (int(np.prod(sizes)), 1, 1, 1))
    return ImageDataset(name, images, ("shape", "scale", "orientation", "x", "y"), sizes)


def codes_of(name, factors):
    """Codes (n, 10) float32 of factors (n, 5): what an encoder would give for those images."""
    case = arrays(name)
    row = np.ravel_multi_index(tuple(np.asarray(factors).T), tuple(int(size) for size in case["factor_sizes"]))
    if "codes_grid" in case:
        return case["codes_grid"][row]
    shape, scale, orientation, x, y = np.asarray(factors).T
    clean = case["table_shape_scale"][shape, scale] + case["table_shape_orient"][shape, orientation]
    # Noise that belongs to the image: a hash of its number picks a row of the table.
    noise_row = (row.astype(np.uint64) * np.uint64(2654435761)) % np.uint64(2**32) >> np.uint64(20)
    return clean + case["table_x_y"][x, y] + case["noise_sd"] * case["noise_table"][noise_row.astype(np.int64)]
