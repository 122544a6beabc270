"""Merge the records of evidence/<part>/*.csv.gz into the table that comes with the package.

    python evidence/table.py [--out selectdis/selection/archive/evidence.csv.gz]

Each file holds the records of one or several data sets, as a study gives them. What is told of the data sets (part,
family, judging, image_size, channels) is added here; settings of the training alone, and scores on sampled codes, go.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import pandas as pd

import selectdis as sd

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "selectdis/selection/archive/evidence.csv.gz"
IMAGE_SIZES = {"dense16": 16, "conv32": 32}
FAMILIES = {"color_dsprites": "sprites", "noisy_dsprites": "sprites"}
JUDGING = ("arms", "clocks", "solids", "strokes", "photos")
LEFT_OUT = ("stage", "trial", "failed_step", "earlier", "error", "adam_", "discriminator_learning_rate")
LEFT_OUT += ("discriminator_beta", "likelihood")  # all are Bernoulli


def merged(folder: Path = ROOT / "evidence") -> pd.DataFrame:
    """Return the records of all parts in `folder`."""
    tables = [_part(folder / part, size) for part, size in IMAGE_SIZES.items() if any((folder / part).glob("*.csv.gz"))]
    table = pd.concat(tables, ignore_index=True)
    kept = [name for name in table if not name.startswith(LEFT_OUT) and not name.endswith(".sampled")]
    return table[kept]


def _part(folder: Path, image_size: int) -> pd.DataFrame:
    table = pd.concat([pd.read_csv(path) for path in sorted(folder.glob("*.csv.gz"))], ignore_index=True)
    about = {"part": folder.name, "family": table["dataset"].replace(FAMILIES)}
    about |= {"judging": table["dataset"].isin(JUDGING), "image_size": image_size}
    channels = {name: sd.load_dataset(name, image_size=image_size).image_shape[0] for name in table["dataset"].unique()}
    about["channels"] = table["dataset"].map(channels)
    return pd.concat([pd.DataFrame(about, index=table.index), table], axis=1)


def write(table: pd.DataFrame, out: Path = TABLE) -> None:
    """Write the table, the same bytes for the same records."""
    out.write_bytes(gzip.compress(table.to_csv(index=False).encode(), mtime=0))
    print(f"{out.name}: {len(table):,} runs, {out.stat().st_size / 1e6:.2f} MB")
    print(table.groupby(["part", "family", "dataset"], sort=False).size().to_string())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    write(merged(), parser.parse_args().out)
