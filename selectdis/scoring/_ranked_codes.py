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
from selectdis.metrics import bootstrap_latent_share, latent_share

__all__ = ["rank_codes"]

PROBE = 1_000  # images that the criteria over many runs look at
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
        A row per run: `rank`, `run`, and with labels `score` (`latent_share`, at most 1), `error` (its standard
        deviation over resamples) and `p_best` (the share of resamples in which it scores best; ties are shared).
        Without labels `udr` (Spearman) and `model_centrality` of up to 1,000 images, higher is better, in the order of
        `udr`: no rule without labels can be trusted on data that it was not tried on. There, latents with less than 1%
        of the variance of the run's most varying one count as not in use.

    Raises
    ------
    SelectdisError
        On fewer than two runs, another number of images in one of them, codes that are not finite, or no label at all.
    """
    named = dict(codes) if isinstance(codes, Mapping) else {str(k): one for k, one in enumerate(codes)}
    checked = {str(name): check_codes(one, f"codes of {name}") for name, one in named.items()}
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
    table = table.sort_values(by, ascending=False, kind="stable", ignore_index=True)
    table.insert(0, "rank", table[by].rank(ascending=False, method="min").astype(int))
    return table


def _by_labels(
    runs: list[np.ndarray], labels: Any, ordered: bool | Sequence[bool], n_resamples: int, seed: int
) -> dict[str, np.ndarray]:
    table = factor_table(labels, len(runs[0]), "labels")
    rows = np.flatnonzero((~pd.isna(pd.DataFrame(table)) & (pd.DataFrame(table) != "")).any(axis=1))
    if not len(rows):
        raise SelectdisError("no image has a label: leave labels out, or label some")
    scores, resamples = [], []
    for k, codes in enumerate(runs):
        with warnings.catch_warnings():
            if k:  # what is wrong with the labels is said once
                warnings.simplefilter("ignore", DegenerateWarning)
            scores.append(latent_share(codes[rows], table[rows], ordered=ordered, seed=seed))
            warnings.simplefilter("ignore", DegenerateWarning)
            resamples.append(
                bootstrap_latent_share(codes[rows], table[rows], ordered=ordered, n_resamples=n_resamples, seed=seed)
            )
    drawn = np.array(resamples)  # (runs, resamples)
    best = np.isclose(drawn, drawn.max(axis=0), rtol=0, atol=1e-9)
    return {"score": np.array(scores), "error": drawn.std(axis=1), "p_best": (best / best.sum(axis=0)).mean(axis=1)}


def _without_labels(runs: list[np.ndarray], seed: int) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(seed).permutation(len(runs[0]))[:PROBE]
    stack = np.zeros((len(runs), len(rows), max(run.shape[1] for run in runs)))
    active = np.zeros((len(runs), stack.shape[2]), dtype=bool)
    for k, run in enumerate(runs):
        variance = run[rows].astype(np.float64).var(axis=0)
        stack[k, :, : run.shape[1]] = run[rows]
        active[k, : run.shape[1]] = variance > IN_USE * variance.max()
    return {
        "udr": udr(stack, active=active, similarity="spearman"),
        "model_centrality": model_centrality(stack, active=active),
    }
