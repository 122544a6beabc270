"""Gradient-boosted classification trees on binned codes, all classes of a stage together.

The algorithm is that of scikit-learn's GradientBoostingClassifier (Friedman 2001, "Greedy Function Approximation",
algorithm 6, with depth-3 trees on the residuals, squared error, one Newton step a leaf), so that importances and
accuracies agree with it to the resolution of the bins. What makes it fast: histograms of all classes' trees are one
product of a sparse matrix (which sample falls in which bin) with the residuals, and the work does not grow with the
number of bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

__all__ = ["Boosted", "boost"]

DEPTH = 3
ROUNDING = 1e-6  # decreases below this share of a tree's squared error are rounding in single precision
LARGEST_STEP = 1e6  # of the raw score, where probabilities have rounded to 0 or 1
AT_CHANGES = 0.75  # share of a code's thresholds that lie where the class changes
NARROW = 48  # up to so many columns numpy's own sum along the bins is the faster one
TIE = 1e-5  # relative noise on gains: equal codes share the importance at random, as in the reference


class Boosted(NamedTuple):
    """What boosting gives."""

    importances: np.ndarray  # (n_features,), sum 1, or all 0 where no split helped
    predicted_train: np.ndarray  # (n_train,) class indices
    predicted_test: np.ndarray  # (n_test,)


def boost(
    x_train: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    *,
    rng: np.random.Generator,
    stages: int = 100,
    learning_rate: float = 0.1,
    n_bins: int | None = None,
) -> Boosted:
    """Fit boosted trees from features to classes.

    Importances are the decrease of the squared error of the residuals, summed over all nodes of all trees.

    Parameters
    ----------
    x_train, x_test : (n, n_features) float
        Features to learn from, and to predict for.
    y : (n,) int
        Classes 0 .. n_classes - 1, each present.
    rng : numpy.random.Generator
        Breaks ties.
    stages, learning_rate : int, float
        Trees per class, and the share of each step that is taken.
    n_bins : int, optional
        Of each feature; by default an eighth of the samples, but 64 to 255.
    """
    n_classes = int(y.max()) + 1
    if n_bins is None:
        n_bins = min(max(len(y) // 8, 64), 255)
    edges = [_edges(column, y, n_bins) for column in x_train.T]
    train, test = (_digitise(x, edges) for x in (x_train, x_test))
    histogram = _Histogram(train, max(len(e) for e in edges) + 1)
    n_trees = 1 if n_classes == 2 else n_classes
    target = (y == np.arange(n_classes - n_trees, n_classes)[:, np.newaxis]).astype(np.float32)  # (trees, n)
    prior = target.mean(axis=1, keepdims=True)
    start = np.log(prior / (1 - prior)) if n_trees == 1 else np.log(prior)
    raw_train, raw_test = (np.repeat(start, len(x), axis=1).astype(np.float32) for x in (x_train, x_test))
    decrease = np.zeros(x_train.shape[1])
    for _ in range(stages):
        residual = target - _probabilities(raw_train)
        trees, leaf = _grow(residual, train, histogram, rng)
        np.add.at(decrease, trees.feature.ravel(), trees.decrease.ravel())
        values = learning_rate * _newton(residual, leaf, n_classes)
        raw_train += values[leaf]
        raw_test += values[
            _leaf([_goes_left(test, *node) for node in zip(trees.feature, trees.threshold, strict=True)])
        ]
    total = decrease.sum()
    return Boosted(decrease / total if total > 0 else decrease, _classes(raw_train), _classes(raw_test))


class _Trees(NamedTuple):
    """One tree per class, complete to DEPTH; node i has the children 2 i + 1 and 2 i + 2."""

    feature: np.ndarray  # (nodes, trees)
    threshold: np.ndarray  # (nodes, trees), the last bin that goes left
    decrease: np.ndarray  # (nodes, trees), of the squared error


def _edges(column: np.ndarray, y: np.ndarray, n_bins: int) -> np.ndarray:
    """At most n_bins - 1 thresholds, halfway between neighbouring values.

    Where there are more values than bins, thresholds lie dense where the class changes from sample to sample: between
    samples of one class no split can be best.
    """
    order = np.argsort(column, kind="stable")
    values, labels = column[order].astype(np.float64), y[order]
    gaps = np.flatnonzero(values[1:] > values[:-1])
    if len(gaps) >= n_bins:
        changes = np.flatnonzero(labels[1:] != labels[:-1])
        weight = np.full(len(values) - 1, (1 - AT_CHANGES) / (len(values) - 1))
        weight[changes] += AT_CHANGES / max(len(changes), 1)
        weight = np.cumsum(weight)
        wanted = np.linspace(0, weight[-1], n_bins + 1)[1:-1]
        gaps = np.unique(gaps[np.minimum(np.searchsorted(weight[gaps], wanted), len(gaps) - 1)])
    middle: np.ndarray = (values[gaps] + values[gaps + 1]) / 2
    return middle


def _digitise(x: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Bin numbers (n_features, n)."""
    bins = [np.searchsorted(e, column, side="left") for e, column in zip(edges, x.T, strict=True)]
    return np.stack(bins).astype(np.uint8 if max(map(len, edges)) < 256 else np.int32)


class _Histogram:
    """Sums over the samples of each bin of each feature, cumulated over the bins."""

    def __init__(self, bins: np.ndarray, n_bins: int) -> None:
        n_features, n = bins.shape
        self.shape = (n_features, n_bins)
        row = (np.arange(n_features)[:, np.newaxis] * n_bins + bins).T.ravel()
        start = np.arange(0, n * n_features + 1, n_features)
        member = scipy.sparse.csr_matrix((np.ones(len(row), np.float32), row, start), (n, n_features * n_bins))
        self.member = member.T.tocsr()
        self.count = self.cumulated(np.ones((n, 1), np.float32))

    def cumulated(self, weights: np.ndarray) -> np.ndarray:
        """Of weights (n, columns): (n_features, n_bins, columns), the sums up to and with each bin."""
        sums = (self.member @ weights).reshape(*self.shape, weights.shape[1])
        if weights.shape[1] <= NARROW:
            return np.add.accumulate(sums, axis=1, out=sums)
        for b in range(1, self.shape[1]):
            sums[:, b] += sums[:, b - 1]
        return sums


def _grow(
    residual: np.ndarray, bins: np.ndarray, histogram: _Histogram, rng: np.random.Generator
) -> tuple[_Trees, np.ndarray]:
    """One complete tree per row of residual (trees, n), and the leaf of each sample as `_leaf` gives it."""
    by_sample = np.ascontiguousarray(residual.T)  # (n, trees)
    nodes = [(histogram.cumulated(by_sample), histogram.count)]  # sums and counts up to each bin
    noise = ROUNDING * np.square(by_sample).sum(axis=0)  # (trees,)
    members = [np.ones_like(by_sample, dtype=bool)]  # (n, trees)
    splits: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    goes_left: list[np.ndarray] = []
    for depth in range(DEPTH):
        level = [_best_split(sums, counts, noise, rng) for sums, counts in nodes]
        goes = [_goes_left(bins, feature, threshold) for feature, threshold, _ in level]
        splits, goes_left = splits + level, goes_left + goes
        if depth < DEPTH - 1:
            left = [member & np.ascontiguousarray(g.T) for member, g in zip(members, goes, strict=True)]
            members = [m for member, lf in zip(members, left, strict=True) for m in (lf, member & ~lf)]
            nodes = _children(by_sample, left, nodes, histogram)
    feature, threshold, decrease = (np.stack(part) for part in zip(*splits, strict=True))
    return _Trees(feature, threshold, decrease), _leaf(goes_left)


def _children(
    residual: np.ndarray, left: list[np.ndarray], parents: list[tuple[np.ndarray, np.ndarray]], histogram: _Histogram
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return sums and counts of the left children from their members (n, trees), of the right ones by subtraction."""
    weights = np.concatenate([part for m in left for part in (residual * m, m)], axis=1, dtype=np.float32)
    parts = np.split(histogram.cumulated(weights), 2 * len(left), axis=2)
    children = []
    for (sums, counts), left_sums, left_counts in zip(parents, parts[::2], parts[1::2], strict=True):
        children += [(left_sums, left_counts), (sums - left_sums, counts - left_counts)]
    return children


def _goes_left(bins: np.ndarray, feature: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """(trees, n) bool, of one node of each tree."""
    left: np.ndarray = bins[feature] <= threshold.astype(bins.dtype)[:, np.newaxis]
    return left


def _best_split(
    sums: np.ndarray, counts: np.ndarray, noise: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Feature, last bin on the left, and decrease of the squared error, for each column (a tree).

    With S, c the sums and counts on the left and T, n those of the node, the decrease
    S^2 / c + (T - S)^2 / (n - c) - T^2 / n equals (S - c T / n)^2 n / (c (n - c)).
    """
    total, n = sums[0, -1], counts[0, -1]
    gain = counts * (total / np.maximum(n, 1))
    np.subtract(sums, gain, out=gain)
    np.square(gain, out=gain)
    spread = counts * (n - counts)
    gain /= np.where(spread > 0, spread, np.inf)  # nothing is gained by an empty side
    best = gain.max(axis=1)  # (features, trees)
    feature = (best * (1 + TIE * rng.random(best.shape, dtype=np.float32))).argmax(axis=0)
    tree = np.arange(len(feature))
    threshold = gain[feature, :, tree].argmax(axis=1)
    decrease = best[feature, tree] * n
    return feature, threshold, np.where(decrease > noise, decrease, 0.0)


def _leaf(goes_left: list[np.ndarray]) -> np.ndarray:
    """Leaf of each sample, counted over all trees, (trees, n), from the answers (trees, n) of each node."""
    a = goes_left[0]
    b = _choose(a, goes_left[1], goes_left[2])
    c = _choose(a, _choose(b, goes_left[3], goes_left[4]), _choose(b, goes_left[5], goes_left[6]))
    leaf = 7 - (4 * a.view(np.int8) + 2 * b.view(np.int8) + c.view(np.int8))
    first: np.ndarray = np.arange(len(a))[:, np.newaxis] * 2**DEPTH
    return first + leaf


def _choose(condition: np.ndarray, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    """np.where of booleans, several times faster."""
    return np.asarray(no ^ (condition & (yes ^ no)))


def _newton(residual: np.ndarray, leaf: np.ndarray, n_classes: int) -> np.ndarray:
    """Values (trees * leaves,): one Newton step on the log loss (Friedman 2001, equation 34)."""
    trees, size = len(residual), np.abs(residual)
    numerator, denominator = (
        np.bincount(leaf.ravel(), weights.ravel(), minlength=trees * 2**DEPTH)
        for weights in (residual, size * (1 - size))
    )
    factor = 1.0 if trees == 1 else (n_classes - 1) / n_classes
    usable = denominator > 1e-150
    step = np.where(usable, factor * numerator / np.where(usable, denominator, 1.0), 0.0)
    return np.clip(step, -LARGEST_STEP, LARGEST_STEP).astype(np.float32)


def _probabilities(raw: np.ndarray) -> np.ndarray:
    """Class probabilities (trees, n) of raw scores: logistic for one row, softmax for more."""
    if len(raw) == 1:
        return np.asarray(1 / (1 + np.exp(-raw)))
    e = np.exp(raw - raw.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


def _classes(raw: np.ndarray) -> np.ndarray:
    return (raw[0] > 0).astype(np.int64) if len(raw) == 1 else raw.argmax(axis=0)
