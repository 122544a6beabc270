"""What picks by labels were worth in the backtest of the judging families, as `benchmarks/labels.py` prints it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LabelWorth", "in_resamples", "label_worth", "worth_sentence"]


class LabelWorth(NamedTuple):
    """P(the pick beats another run), its interval over families, and how often it was among the best tenth."""

    labels: int
    p: float
    low: float
    high: float
    top_tenth: float


# 60 runs on each of arms, clocks, photos, solids and strokes (dense16); 25 draws of the images.
WORTH = (
    LabelWorth(5, 0.63, 0.35, 0.85, 0.22),
    LabelWorth(10, 0.75, 0.47, 0.93, 0.37),
    LabelWorth(20, 0.84, 0.54, 0.98, 0.59),
    LabelWorth(30, 0.85, 0.57, 0.98, 0.58),
    LabelWorth(50, 0.89, 0.64, 0.99, 0.71),
    LabelWorth(100, 0.87, 0.62, 0.98, 0.66),
)


# From what share of resamples on; picks by 5 to 50 labels on the 12 sets of dense16; of them in the best tenth.
RESAMPLES = ((0.4, 25, 20), (0.2, 27, 14), (0.1, 22, 8), (0.0, 22, 6))


def in_resamples(p_best: float) -> str:
    """Say in what share of the resamples a pick is the best, and what such picks were in the backtest."""
    picks, good = next((picks, good) for least, picks, good in RESAMPLES if p_best >= least)
    return (
        f"the best in {p_best:.0%} of 200 resamples of the images (of {picks} backtested picks with about as many "
        f"{good} were among the best tenth)"
    )


def label_worth(n_labels: int) -> LabelWorth | None:
    """Return what the largest number of labels that was tried, and is no larger, was worth; None below all."""
    return max((one for one in WORTH if one.labels <= n_labels), default=None)


def worth_sentence(n_labels: int) -> str:
    """Say what so many labels were worth on published data sets, and what ten more were."""
    now, then = label_worth(n_labels), label_worth(n_labels + 10)
    if now is None:
        return f"{n_labels} labelled images are fewer than were ever backtested: label ten"
    text = (
        f"On five published families picks by {now.labels} labelled images beat another of 60 runs with probability "
        f"{now.p:.2f} [{now.low:.2f}, {now.high:.2f}], and were among the best tenth in {now.top_tenth:.0%}"
    )
    if then is None or then.labels == now.labels:
        return text + "."
    return text + f"; by {then.labels} with {then.p:.2f}, and in {then.top_tenth:.0%}."
