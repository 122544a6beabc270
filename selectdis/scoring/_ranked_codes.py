"""Ranking runs by their codes of the same images: by a few labels, or without any."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from selectdis._arrays import DegenerateWarning, check_codes
from selectdis._factors import factor_table
from selectdis.criteria import model_centrality, udr
from selectdis.errors import SelectdisError
from selectdis.metrics._latent_share import latent_shares

__all__ = ["rank_codes"]

PROBE = 1_000  # images that the criteria over many runs look at
TIE = 1e-9  # what differs by less is rounding
IN_USE = 0.01  # of the variance of a run's most varying latent, above which another counts as in use


def rank_codes(
    codes: Mapping[str, Any] | Sequence[Any],
    labels: Any = None,
    *,
    ordered: bool | Sequence[bool] = True,
    n_resamples: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank runs of any framework by their codes of the same images, best first.

    Parameters
    ----------
    codes : mapping of str to (n_images, n_latents) float, or sequence of such
        Mean codes of each run, by its name; runs may differ in their latents.
    labels : (n_images, n_factors) int, float or str, optional
        Labels of the images, NaN or an empty word where there is none; images without any are left out.
    ordered : bool, or (n_factors,) of bool
        Which factors have an order; see `selectdis.metrics.latent_share`.
    n_resamples : int
        Of the bootstrap over labelled images.
    seed : int
        Of permutations, resamples, and the images that the criteria look at.

    Returns
    -------
    pandas.DataFrame
        A row per run: `rank`, `run`, and with labels `score` (`latent_share` on both ranks and values, at most 1),
        `error` (its standard deviation over resamples) and `p_best` (the share of resamples in which it scores best;
        ties are shared).
        Without labels `udr` (Spearman) and `model_centrality` of up to 1,000 images, higher is better, in the order of
        `udr`: no rule without labels can be trusted on data that it was not tried on. There, latents with less than 1%
        of the variance of the run's most varying one count as not in use.

    Raises
    ------
    SelectdisError
        On fewer than two runs whose codes are finite (others are left out, with a warning), another number of images in
        one of them, no label at all, or labels by which all runs score 0.
    """
    named = dict(codes) if isinstance(codes, Mapping) else {str(k): one for k, one in enumerate(codes)}
    checked = {str(name): check_codes(one, f"codes of {name}") for name, one in _finite(named).items()}
    if len(checked) < 2:
        raise SelectdisError(f"a ranking needs at least two runs; found {len(checked)}")
    sizes = {name: len(one) for name, one in checked.items()}
    first = next(iter(sizes))
    if odd := [name for name, size in sizes.items() if size != sizes[first]]:
        raise SelectdisError(
            f"every run needs a code for each of the same images; {first} has {sizes[first]:,} rows and {odd[0]} "
            f"{sizes[odd[0]]:,}"
        )
    if labels is None:
        scores = _without_labels(list(checked.values()), seed)
    else:
        scores = _by_labels(list(checked.values()), labels, ordered, n_resamples, seed)
    table = pd.DataFrame({"run": list(checked)} | scores)
    by = "udr" if labels is None else "score"
    order = np.argsort(-table[by].round(9).to_numpy(), kind="stable")  # what differs by rounding is a tie
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "rank", table[by].round(9).rank(ascending=False, method="min").astype(int))
    return table


def _finite(runs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out runs that have diverged, which is said: one of many is no reason to rank none."""
    bad = [name for name, codes in runs.items() if (array := np.asarray(codes)).dtype.kind == "f" and _diverged(array)]
    if bad and len(runs) - len(bad) > 1:
        warnings.warn(f"NaN or infinity in the codes of {', '.join(map(str, bad))}: left out", stacklevel=3)
        return {name: codes for name, codes in runs.items() if name not in bad}
    return dict(runs)


def _diverged(codes: np.ndarray) -> bool:
    return not np.isfinite(codes).all()


def _by_labels(
    runs: list[np.ndarray], labels: Any, ordered: bool | Sequence[bool], n_resamples: int, seed: int
) -> dict[str, np.ndarray]:
    table = factor_table(labels, len(runs[0]), "labels")
    rows = np.flatnonzero((~pd.isna(pd.DataFrame(table)) & (pd.DataFrame(table) != "")).any(axis=1))
    if not len(rows):
        raise SelectdisError("no image has a label: leave labels out, or label some")
    stack = _stacked(runs, rows)
    options: dict[str, Any] = {"ordered": ordered, "on": "both", "seed": seed}
    scores = latent_shares(stack, table[rows], **options)
    if (np.abs(scores) < TIE).all():
        raise SelectdisError(
            f"the labels of {len(rows)} image(s) do not tell the runs apart, all of which score 0: label more, until a "
            "factor has two values or more among three images"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)  # what is wrong with the labels is said once
        drawn = latent_shares(stack, table[rows], n_resamples=n_resamples, n_permutations=20, **options)
    best = np.isclose(drawn, drawn.max(axis=0), rtol=0, atol=TIE)
    p_best = (best / best.sum(axis=0)).mean(axis=1)
    return {"score": scores, "error": drawn.std(axis=1), "p_best": p_best}


def _stacked(runs: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return (runs, rows, latents): a run with fewer latents than others has zeros besides."""
    stack = np.zeros((len(runs), len(rows), max(run.shape[1] for run in runs)))
    for k, run in enumerate(runs):
        stack[k, :, : run.shape[1]] = run[rows]
    return stack


def _without_labels(runs: list[np.ndarray], seed: int) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(seed).permutation(len(runs[0]))[:PROBE]
    stack = _stacked(runs, rows)
    variance = stack.var(axis=1)
    active = variance > IN_USE * variance.max(axis=1, keepdims=True)
    return {
        "udr": udr(stack, active=active, similarity="spearman"),
        "model_centrality": model_centrality(stack, active=active),
    }
