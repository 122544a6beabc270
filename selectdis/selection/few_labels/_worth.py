"""What picks by labels were worth in the backtest of the judging families, as `benchmarks/labels.py` prints it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LabelWorth", "in_resamples", "label_worth", "worth_sentence"]


class LabelWorth(NamedTuple):
    """P(the pick beats another of all runs), its interval over families, how often it was among their best tenth.

    The pick is made among five seeds of the `configurations` that are best on the data sets of the other families.
    """

    configurations: int
    labels: int
    p: float
    low: float
    high: float
    top_tenth: float


# 60 runs of 12 configurations on each of arms, clocks, photos, solids and strokes (dense16); 25 draws of the images;
# `python benchmarks/labels.py evidence/dense16 --only worth,said`.
ALL = 12
WORTH = (
    LabelWorth(1, 5, 0.65, 0.38, 0.87, 0.06),
    LabelWorth(1, 10, 0.71, 0.44, 0.90, 0.10),
    LabelWorth(1, 20, 0.74, 0.47, 0.92, 0.10),
    LabelWorth(1, 30, 0.76, 0.49, 0.93, 0.10),
    LabelWorth(1, 50, 0.82, 0.56, 0.97, 0.17),
    LabelWorth(1, 100, 0.83, 0.56, 0.97, 0.17),
    LabelWorth(3, 5, 0.58, 0.31, 0.82, 0.12),
    LabelWorth(3, 10, 0.65, 0.38, 0.87, 0.26),
    LabelWorth(3, 20, 0.72, 0.42, 0.92, 0.37),
    LabelWorth(3, 30, 0.74, 0.46, 0.92, 0.38),
    LabelWorth(3, 50, 0.76, 0.49, 0.93, 0.39),
    LabelWorth(3, 100, 0.76, 0.48, 0.93, 0.38),
    LabelWorth(6, 5, 0.61, 0.34, 0.84, 0.17),
    LabelWorth(6, 10, 0.68, 0.38, 0.90, 0.30),
    LabelWorth(6, 20, 0.79, 0.50, 0.96, 0.45),
    LabelWorth(6, 30, 0.82, 0.54, 0.97, 0.50),
    LabelWorth(6, 50, 0.85, 0.59, 0.98, 0.57),
    LabelWorth(6, 100, 0.84, 0.57, 0.97, 0.54),
    LabelWorth(12, 5, 0.63, 0.35, 0.85, 0.22),
    LabelWorth(12, 10, 0.75, 0.47, 0.93, 0.37),
    LabelWorth(12, 20, 0.84, 0.54, 0.98, 0.59),
    LabelWorth(12, 30, 0.85, 0.57, 0.98, 0.58),
    LabelWorth(12, 50, 0.89, 0.64, 0.99, 0.71),
    LabelWorth(12, 100, 0.87, 0.62, 0.98, 0.66),
)


# From what share of resamples on; picks by 5 to 50 labels on the 13 sets of dense16; of them in the best tenth.
RESAMPLES = ((0.4, 27, 22), (0.2, 30, 16), (0.1, 25, 8), (0.0, 22, 6))


def in_resamples(p_best: float) -> str:
    """Say in what share of the resamples a pick is the best, and what such picks were in the backtest."""
    picks, good = next((picks, good) for least, picks, good in RESAMPLES if p_best >= least)
    return (
        f"the best in {p_best:.0%} of 200 resamples of the images (of {picks} backtested picks among 60 runs with "
        f"about as many {good} were among the best tenth)"
    )


def label_worth(n_labels: int, n_configurations: int = ALL) -> LabelWorth | None:
    """Return what the largest numbers that were tried, and are no larger, were worth; None below all."""
    tried = [one for one in WORTH if one.labels <= n_labels and one.configurations <= n_configurations]
    return max(tried, default=None)


def worth_sentence(n_labels: int, n_configurations: int = ALL) -> str:
    """Say what so many labels were worth on published data sets, and what ten more were."""
    now, then = (label_worth(n, n_configurations) for n in (n_labels, n_labels + 10))
    if now is None:
        return f"{n_labels} labelled images are fewer than were ever backtested: label ten"
    carried = {1: ", among the five of the best configuration,", ALL: ""}
    among = f", among those of the {now.configurations} best configurations,"
    text = (
        f"On five published families picks by {now.labels} labelled images"
        f"{carried.get(now.configurations, among)} beat another of 60 runs, of {ALL} configurations, with probability "
        f"{now.p:.2f} [{now.low:.2f}, {now.high:.2f}], and were among the best tenth in {now.top_tenth:.0%}"
    )
    if then is None or then.labels == now.labels:
        return text + "."
    return text + f"; by {then.labels} with {then.p:.2f}, and in {then.top_tenth:.0%}."
