"""Write the statistics of the images of the evidence, by which a folder of pictures is near to some of it, or far.

    python evidence/statistics.py [--out selectdis/selection/archive/statistics.csv]

One row per part and data set, of the images that the study files of that part name; see `selectdis.data._statistics`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from selectdis.data import load_dataset
from selectdis.data._statistics import image_statistics
from selectdis.spec import read_spec

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "selectdis/selection/archive/statistics.csv"
STUDIES = {
    "dense16": ("evidence-dense16-looked-at", "evidence-dense16-judging"),
    "conv32": ("evidence-looked-at", "evidence-judging"),
}


def main() -> None:
    """Load every data set of every part, and write the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    rows = []
    for part, names in STUDIES.items():
        for data in [data for name in names for data in read_spec(ROOT / f"studies/{name}.yaml").proxy]:
            found = image_statistics(load_dataset(data.name, **data.options))
            rows.append(
                {"part": part, "dataset": data.name, **{name: round(value, 5) for name, value in found.items()}}
            )
            print(part, data.name, flush=True)
    pd.DataFrame(rows).to_csv(options.out, index=False, lineterminator="\n")
    print(f"{options.out.name}: {len(rows)} data sets")


if __name__ == "__main__":
    main()
