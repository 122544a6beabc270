"""Metrics and criteria against loops over scikit-learn and scipy, on the arrays of the tests, as ratios of one run.

    OMP_NUM_THREADS=1 python benchmarks/metrics.py [--quick] [--jobs 2]

Slow and fast take turns in one process; a line gives the median seconds of each, their ratio, and how far the results
differ. --quick leaves out the DCI of all five factors with scikit-learn (several minutes) and takes the smallest one.
The last table is the supervised suite at 10,000 training and 5,000 test samples, metric by metric.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.stats
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.metrics import mutual_info_score

sys.path.insert(0, str(Path(__file__).parents[1]))

from selectdis import criteria, metrics
from selectdis.scoring._evaluation import Evaluation
from tests.golden import read

CASE = "h_vae_dsprites"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2, help="threads of the trees in the suite")
    options = parser.parse_args()
    print(f"{machine()}\n\n| what | slow s | fast s | ratio | largest difference |\n|---|---|---|---|---|")
    information()
    interventions()
    udr()
    dci(options.quick)
    suite(options.jobs)


def machine() -> str:
    """The processor, its cores, and how busy it was: the ratios hold for these."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OMP_NUM_THREADS {threads}"


def compare(what: str, slow: Callable[[], object], fast: Callable[[], object], rounds: int = 3) -> None:
    """Run the two in turns and print their medians; what they return is compared as arrays."""
    seconds = np.zeros((rounds, 2))
    for round_ in range(rounds):
        for column, function in enumerate((slow, fast)):
            start = time.perf_counter()
            result = np.asarray(function(), dtype=float)
            seconds[round_, column] = time.perf_counter() - start
            if column == 0:
                expected = result
    a, b = np.median(seconds, axis=0)
    difference = np.abs(result - expected).max()
    print(f"| {what} | {a:.3f} | {b:.3f} | {a / b:.1f} | {difference:.1e} |", flush=True)


def information() -> None:
    codes, factors, *_ = read.split(CASE)

    def slow() -> float:
        binned = [np.digitize(c, np.histogram(c, 20)[1][:-1]) for c in codes.T]
        table = np.sort([[mutual_info_score(f, b) for f in factors.T] for b in binned], axis=0)
        return np.mean((table[-1] - table[-2]) / [mutual_info_score(f, f) for f in factors.T])

    compare("MIG, 10,000 samples", slow, lambda: metrics.mig(codes, factors))


def interventions(votes: int = 2_000, batch: int = 64) -> None:
    """Votes on encoded images: the loop encodes each batch as it is drawn, the fast path each image once."""
    data = read.grid(CASE)
    rng = np.random.default_rng(0)
    train, test = (data.draw_fixed_factor(votes, batch, rng) for _ in range(2))
    pairs_train, pairs_test = (data.draw_pairs(votes, batch, rng) for _ in range(2))
    sample = read.split(CASE)[0]

    def encode(indices: np.ndarray) -> np.ndarray:
        return read.codes_of(CASE, data.factors_at(indices))

    def factor_slow() -> list[float]:
        variances = sample.var(axis=0, ddof=1)
        active = np.flatnonzero(np.sqrt(variances) >= 0.05)
        tables = []
        for indices, factor in (train, test):
            table = np.zeros((5, len(active)))
            for row, k in zip(indices, factor, strict=True):
                table[k, np.argmin(encode(row)[:, active].var(axis=0, ddof=1) / variances[active])] += 1
            tables.append(table)
        majority, column = tables[0].argmax(axis=0), np.arange(len(active))
        return [table[majority, column].sum() / table.sum() for table in tables]

    def table_of(*parts: np.ndarray) -> list[np.ndarray]:
        images, where = np.unique(np.concatenate([part.ravel() for part in parts]), return_inverse=True)
        codes = encode(images)
        split = np.split(where, np.cumsum([part.size for part in parts])[:-1])
        return [codes[w].reshape(*part.shape, -1) for w, part in zip(split, parts, strict=True)]

    def factor_fast() -> list[float]:
        a, b = table_of(train[0], test[0])
        return list(metrics.factor_vae_score(sample, a, train[1], b, test[1]))

    def beta_slow() -> list[float]:
        x = [
            np.array([np.abs(encode(a) - encode(b)).mean(axis=0) for a, b in zip(first, second, strict=True)])
            for first, second, _ in (pairs_train, pairs_test)
        ]
        model = LogisticRegression(random_state=0).fit(x[0], pairs_train[2])
        return [model.score(x[0], pairs_train[2]), model.score(x[1], pairs_test[2])]

    def beta_fast() -> list[float]:
        a, b, c, d = table_of(*pairs_train[:2], *pairs_test[:2])
        return list(metrics.beta_vae_score(a, b, pairs_train[2], c, d, pairs_test[2]))

    compare(f"FactorVAE score, 2 x {votes:,} votes, with encoding", factor_slow, factor_fast)
    compare(f"BetaVAE score, 2 x {votes:,} votes, with encoding", beta_slow, beta_fast)


def udr(runs: int = 50) -> None:
    """A pool made of the six runs of the tests, each several times with noise of its own."""
    rng = np.random.default_rng(0)
    pool = read.arrays("udr_models")
    codes = pool["codes"][np.arange(runs) % 6].astype(np.float64)
    codes += 0.1 * rng.standard_normal(codes.shape)
    kl = pool["kl"][np.arange(runs) % 6]
    scaled = (codes - codes.mean(axis=1, keepdims=True)) / codes.std(axis=1, keepdims=True)

    def strength(r: np.ndarray) -> float:
        with np.errstate(invalid="ignore"):
            parts = [np.nan_to_num(r.max(axis=k) ** 2 / r.sum(axis=k)).mean() for k in (0, 1)]
        return sum(parts) / 2

    def lasso(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(Lasso(alpha=0.1).fit(a, b).coef_).T

    def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        both = scipy.stats.spearmanr(a, b).statistic
        return np.abs(both[: a.shape[1], a.shape[1] :])

    def slow(similarity: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> list[float]:
        scores = []
        for i in range(runs):
            others = [j for j in range(runs) if j != i]
            r = (similarity(scaled[j], scaled[i])[kl[j] > 0.01][:, kl[i] > 0.01] for j in others)
            scores.append(float(np.median([strength(one) for one in r])))
        return scores

    for name, similarity in (("lasso", lasso), ("spearman", spearman)):
        compare(
            f"UDR {name}, {runs} runs x 1,000 images",
            lambda similarity=similarity: slow(similarity),
            lambda name=name: criteria.udr(codes, kl, similarity=name),
            rounds=1,
        )


def dci(quick: bool) -> None:
    codes_train, factors_train, codes_test, factors_test = read.split(CASE)
    kept = slice(0, 1) if quick else slice(None)
    split = codes_train, factors_train[:, kept], codes_test, factors_test[:, kept]
    what = "the first factor" if quick else "all factors"
    compare(
        f"DCI, 10,000 / 5,000, {what}",
        lambda: metrics.dci(*split, estimator="sklearn"),
        lambda: metrics.dci(*split),
        rounds=1,
    )


def suite(jobs: int) -> None:
    """All metrics together, where they share trees, and what each adds."""
    data = read.grid(CASE)
    evaluation = Evaluation(data, "all", seed=0, n_jobs=jobs)
    codes = read.codes_of(CASE, data.factors_at(evaluation.indices))
    print(f"\n{machine()}\n\n| metric | seconds, alone, {jobs} threads |\n|---|---|")
    for name in metrics.METRICS:
        one = Evaluation(data, [name], seed=0, n_jobs=jobs)
        print(f"| {name} | {seconds_of(one, read.codes_of(CASE, data.factors_at(one.indices))):.2f} |", flush=True)
    print(f"| all, trees shared | {seconds_of(evaluation, codes):.2f} |")


def seconds_of(evaluation: Evaluation, codes: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        evaluation.score(codes)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
