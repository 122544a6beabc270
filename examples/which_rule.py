"""Would a selection rule have beaten a random pick? Backtest rules, one of your own among them, on published records.

python examples/which_rule.py [RECORDS.csv.gz] [--bootstrap 500]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import selectdis as sd
from selectdis.selection import by_criterion, by_lcb, by_win_rate, calibrated, read_records


def main(records_file: Path | None = None, n_bootstrap: int = 500) -> pd.DataFrame:
    """Backtest four rules; returns the table."""
    records = sd.evidence() if records_file is None else read_records(records_file)
    rules = [
        sd.Rule(configuration=by_win_rate(), run=by_criterion("udr_lasso"), top=4),
        sd.Rule(configuration=by_lcb("mig"), run=by_criterion("udr_spearman"), top=2),
        sd.Rule(configuration=None, run=by_criterion("elbo")),  # likelihood alone, over all runs
        sd.Rule(configuration=by_win_rate(), run=calibrated(), top=8),
    ]
    result = sd.backtest(records, rules, n_bootstrap=n_bootstrap, seed=0)
    print(result)
    return result.table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="?", type=Path)
    parser.add_argument("--bootstrap", type=int, default=500)
    arguments = parser.parse_args()
    main(arguments.records, arguments.bootstrap)
