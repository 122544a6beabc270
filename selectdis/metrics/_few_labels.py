"""Scores from few, and from imprecise, labels."""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple, get_args

import numpy as np

from selectdis._arrays import check_codes, check_factors, known, with_gaps
from selectdis._factors import MISSING
from selectdis.errors import SelectdisError, check_choice, renamed
from selectdis.metrics._dci import dci
from selectdis.metrics._mig import mig
from selectdis.metrics._registry import Metric, Samples
from selectdis.metrics._sap import sap

__all__ = [
    "FEW_LABELS",
    "FEW_LABELS_BINNED",
    "FEW_LABELS_NOISY",
    "FEW_LABELS_PARTIAL",
    "FewLabels",
    "LabelKind",
    "draw_few_labels",
    "few_label_scores",
]

LabelKind = Literal["perfect", "binned", "noisy", "partial"]
KINDS: tuple[LabelKind, ...] = get_args(LabelKind)
NUMBERS = (100, 1_000)
NAMES = ("mig", "sap", "dci_disentanglement")


class FewLabels(NamedTuple):
    """Which samples are labelled, and with what."""

    indices: np.ndarray  # (n_labels,) int, into the samples
    factors: np.ndarray  # (n_labels, n_factors) int, or NaN for no value; fewer factors for partial labels


def draw_few_labels(
    factors: np.ndarray,
    n_labels: int,
    *,
    rng: np.random.Generator,
    kind: LabelKind = "perfect",
    n_bins: int = 5,
    noise: float = 0.1,
    n_partial: int = 2,
) -> FewLabels:
    """Draw a few labels as in Locatello et al. 2020, "Disentangling Factors of Variation Using Few Labels", section 3.

    Parameters
    ----------
    factors : (n_samples, n_factors) int
        Class of each factor.
    n_labels : int
        How many samples are labelled; all of them where there are not more.
    rng : numpy.random.Generator
        Of the draw.
    kind : {"perfect", "binned", "noisy", "partial"}
        What the labels are like.
    n_bins : int
        "binned": a factor with more values is merged into that many of about equal size.
    noise : float
        "noisy": probability with which each value is replaced by a random one.
    n_partial : int
        "partial": how many random factors are labelled.

    Returns
    -------
    FewLabels
        Which samples are labelled, and with what.

    Raises
    ------
    SelectdisError
        On an unknown kind, or no label.
    """
    check_choice("kind", kind, KINDS)
    if n_labels < 1:
        raise SelectdisError(f"n_labels must be at least 1; found {n_labels}")
    factors = check_factors(factors, len(factors))
    factors = factors[:, (factors != MISSING).any(axis=0)]
    indices = rng.permutation(len(factors))[:n_labels]
    if kind == "binned":
        factors = np.column_stack([_merge(column, n_bins) for column in factors.T])
    elif kind == "noisy":
        factors = np.column_stack([_disturb(column, noise, rng) for column in factors.T])
    elif kind == "partial":
        factors = factors[:, np.sort(rng.permutation(factors.shape[1])[:n_partial])]
    return FewLabels(indices, with_gaps(factors[indices]))


def _merge(factor: np.ndarray, n_bins: int) -> np.ndarray:
    """Merge neighbouring values into at most `n_bins` groups."""
    n_classes = int(factor.max()) + 1
    return np.where(factor == MISSING, MISSING, factor * n_bins // n_classes) if n_classes > n_bins else factor


def _disturb(factor: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    values = np.unique(known(factor)[0])
    changed = (rng.random(len(factor)) < noise) & (factor != MISSING)
    return np.where(changed, rng.choice(values, len(factor)), factor)


@renamed(jobs="n_jobs")
def few_label_scores(
    codes: np.ndarray, factors: np.ndarray, *, seed: int = 0, n_jobs: int = 1, train_share: float = 0.8
) -> dict[str, float]:
    """Return MIG, SAP and DCI disentanglement from few labelled samples.

    Those three are what Locatello et al. 2020 selected models with. The MIG takes all the samples; SAP and DCI
    learn from the first `train_share` of them and test on the rest.

    Parameters
    ----------
    codes : (n_labels, n_latents) float
        Representations, in random order.
    factors : (n_labels, n_factors) int
        From `draw_few_labels`.
    seed, n_jobs : int
        Of the trees of DCI.
    train_share : float
        Share of the samples that SAP and DCI learn from.

    Returns
    -------
    dict
        "mig", "sap", "dci_disentanglement": floats in [0, 1], higher is better; conventions as in those metrics. From
        100 samples the plug-in information of the MIG is strongly biased upwards: compare only scores of one size.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes = check_codes(codes)
    factors = check_factors(factors, len(codes))
    n_train = min(max(round(train_share * len(codes)), 1), max(len(codes) - 1, 1))
    test = slice(n_train, None) if n_train < len(codes) else slice(None)
    split = codes[:n_train], factors[:n_train], codes[test], factors[test]
    return {
        "mig": mig(codes, factors),
        "sap": sap(*split),
        "dci_disentanglement": dci(*split, seed=seed, n_jobs=n_jobs).disentanglement,
    }


def _compute(samples: Samples, kind: LabelKind) -> dict[str, float]:
    """Score labelled samples of the training part; the same ones for every kind of label."""
    scores: dict[str, float] = {}
    for number in NUMBERS:
        if number <= len(samples.codes_train):
            rng = np.random.default_rng([samples.seed, number])
            labels = draw_few_labels(samples.factors_train, number, rng=rng, kind=kind)
            few = few_label_scores(
                samples.codes_train[labels.indices], labels.factors, seed=samples.seed, n_jobs=samples.n_jobs
            )
            scores |= {f"{name}{_suffix(number, kind)}": value for name, value in few.items()}
    return scores


def _suffix(number: int, kind: LabelKind) -> str:
    return f".few{number}" + ("" if kind == "perfect" else f".{kind}")


def _describe(kind: LabelKind) -> Metric:
    return Metric(
        name="few_labels" if kind == "perfect" else f"few_labels_{kind}",
        produces=tuple(name + _suffix(number, kind) for number in NUMBERS for name in NAMES),
        function=few_label_scores,
        compute=partial(_compute, kind=kind),
        paper="Locatello et al. 2020",
        cost="slow",
    )


FEW_LABELS, FEW_LABELS_BINNED, FEW_LABELS_NOISY, FEW_LABELS_PARTIAL = map(_describe, KINDS)
