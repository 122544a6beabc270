"""All metrics of an encoder on a labelled data set: draws the samples, encodes each image once, calls the metrics."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import joblib
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from selectdis._arrays import as_numpy, check_codes, warn_degenerate
from selectdis._factors import FactorWarning, as_factors
from selectdis._progress import progress_bar
from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import factors_of, without_ids
from selectdis.errors import SelectdisError, check_choice, renamed, whole_number
from selectdis.metrics import Metric, Need, Samples, Votes, resolve_metrics

__all__ = ["PROTOCOLS", "Encode", "Evaluation", "Protocol", "encode_in_batches", "evaluate"]

INTERVENED = 100  # images that fairness changes in each factor, as in the reference
Encode = Callable[[np.ndarray], Any]  # uint8 images (n, c, h, w) -> codes (n, latents)
Protocol = Literal["disjoint", "reference"]
PROTOCOLS = get_args(Protocol)


@renamed(jobs="n_jobs")
def evaluate(
    encode: Encode,
    data: ImageDataset,
    metrics: str | Metric | Callable[..., Any] | Sequence[str | Metric | Callable[..., Any]] = "all",
    *,
    seed: int = 0,
    n_train: int = 10_000,
    n_test: int = 5_000,
    votes_train: int = 10_000,
    votes_test: int = 5_000,
    batch: int = 64,
    protocol: Protocol = "disjoint",
    encode_batch: int = 256,
    suffix: str = "",
    n_jobs: int | None = None,
) -> dict[str, float]:
    """Return the scores of `encode` against the known factors of `data`.

    Parameters
    ----------
    encode : callable
        Takes uint8 images (n, channels, height, width), returns codes (n, latents). Each image that any metric needs is
        encoded once.
    data : ImageDataset
        With labels.
    metrics : str or sequence of str, Metric or callable
        "all", "fast" (without boosted trees), "paper" (the seven of Locatello et al.), or names of metrics, scores or
        groups; and functions of your own of (codes, factors) or (codes_train, factors_train, codes_test, factors_test)
        to a number, named as the function, or to a dict of numbers (``function_key``).
    seed : int
        Of all draws and all fitted models, 0 to 2^32 - 1.
    n_train, n_test : int
        Images for the metrics of samples.
    votes_train, votes_test, batch : int
        Of the BetaVAE and FactorVAE scores.
    protocol : {"disjoint", "reference"}
        "disjoint": training and test images are drawn without overlap; where the data set holds fewer than both
        together, it is split in that proportion, and each image is used once. "reference": both are drawn on their own
        and with replacement, as in Locatello et al. 2019, so that on small data sets many test images are known.
    encode_batch : int
        Images per call of `encode`.
    suffix : str
        Appended to each name, such as ".sampled".
    n_jobs : int, optional
        Threads of the boosted trees, by default one per core; the scores do not depend on their number.

    Returns
    -------
    dict of str to float
        Scores that the size of the data does not allow (10,000 labels of 1,200 images) are absent.

    Raises
    ------
    SelectdisError
        On unlabelled data, a seed out of range, an unknown protocol or metric (naming the nearest), codes of a wrong
        shape, NaN or infinity in a code (naming the column), and, where it was asked for by name, a metric whose
        interventions cannot be drawn.
    """
    evaluation = Evaluation(
        data,
        metrics,
        seed=seed,
        n_train=n_train,
        n_test=n_test,
        votes_train=votes_train,
        votes_test=votes_test,
        batch=batch,
        protocol=protocol,
        n_jobs=n_jobs if n_jobs is not None else joblib.cpu_count(),
    )
    with progress_bar("metrics") as show:
        codes = encode_in_batches(encode, evaluation.data, evaluation.indices, encode_batch)
        return evaluation.score(codes, suffix=suffix, show=show)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Votes that many encoders share, and the mean and the sampled codes of each.

    >>> evaluation = Evaluation(data, "fast", seed=0)                       # doctest: +SKIP
    >>> images = evaluation.data.images_at(evaluation.indices)              # doctest: +SKIP
    >>> scores = evaluation.score(run.transform(images))                    # doctest: +SKIP

    The arguments are those of `evaluate`, but `n_jobs` is 1: many runs are better spread over processes. Of a data set
    that draws its images anew at each use, `data` holds one draw of each, by the seed of the evaluation.
    """

    data: ImageDataset
    metrics: str | Metric | Callable[..., Any] | Sequence[str | Metric | Callable[..., Any]] = "all"
    seed: int = 0
    n_train: int = 10_000
    n_test: int = 5_000
    votes_train: int = 10_000
    votes_test: int = 5_000
    batch: int = 64
    protocol: Protocol = "disjoint"
    n_jobs: int = 1
    _chosen: dict[str, Metric] = field(init=False, repr=False)
    _draws: dict[Need, tuple[Votes, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", without_ids(self.data))
        if not self.data.labelled:
            raise SelectdisError(
                f"metrics need known factors, and {self.data.name!r} has none: use the criteria (selectdis.criteria) "
                "or a labelled data set"
            )
        object.__setattr__(self, "seed", whole_number("seed", self.seed, 0, 2**32 - 1))  # what scikit-learn takes
        check_choice("protocol", self.protocol, PROTOCOLS)
        object.__setattr__(self, "data", self.data.drawn_once(self.seed))
        object.__setattr__(self, "_chosen", resolve_metrics(self.metrics))
        object.__setattr__(self, "_draws", self._draw())
        self._check_factors()

    @cached_property
    def indices(self) -> np.ndarray:
        """The images that are needed, int64 (k,), each once, in ascending order."""
        needed = np.zeros(len(self.data), dtype=bool)
        for part in (*self._parts, *(b for pair in self._draws.values() for draws in pair for b in draws.batches)):
            needed[part] = True
        return np.flatnonzero(needed)

    def score(
        self,
        codes: np.ndarray | Callable[[np.ndarray], np.ndarray],
        *,
        suffix: str = "",
        show: Callable[[str, int, int], None] = lambda *_: None,
    ) -> dict[str, float]:
        """Return the scores of codes.

        Parameters
        ----------
        codes : ndarray (k, latents), or a function from indices to that
            Row i is of the image `indices[i]`.
        suffix : str
            Appended to each name.
        show : callable
            Told what is done, and how many of how many metrics.

        Raises
        ------
        SelectdisError
            On another number of rows, NaN or infinity.
        """
        table = check_codes(codes(self.indices) if callable(codes) else codes)
        if len(table) != len(self.indices):
            raise SelectdisError(
                f"codes must have one row per image of .indices ({len(self.indices)}); found {len(table)}"
            )
        samples = self._samples(table)
        scores: dict[str, float] = {}
        # The matrices are small: BLAS threads cost more than they bring, and fight with other processes.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", FactorWarning)  # said when the samples were drawn
            for done, metric in enumerate(self._chosen.values()):
                show("evaluating", done, len(self._chosen))
                scores |= metric.compute(samples)
        return {name + suffix: value for name, value in scores.items()}

    @property
    def sizes(self) -> tuple[int, int]:
        """How many images the metrics of samples learn from, and are tested on."""
        return len(self._parts[0]), len(self._parts[1])

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training and of the test images, as the protocol has them.

        "disjoint": no image twice (but for a data set of one image); "reference": independent draws with replacement.
        """
        n, rng = len(self.data), np.random.default_rng([self.seed, 0])
        if self.protocol == "reference":
            return rng.integers(n, size=self.n_train), rng.integers(n, size=self.n_test)
        total = self.n_train + self.n_test
        drawn = self.data.sample_indices(min(total, n), rng)
        n_train = self.n_train if n >= total else min(max(round(n * self.n_train / total), 1), max(n - 1, 1))
        return drawn[:n_train], drawn[n_train:] if n > 1 else drawn

    @cached_property
    def _factors(self) -> tuple[np.ndarray, np.ndarray]:
        """The factors of both parts, as the metrics take them."""
        train, test = self._parts
        return factors_of(self.data, train), factors_of(self.data, test)

    def _check_factors(self) -> None:
        """Say once what cannot be used of the factors; refuse continuous ones before any image is encoded."""
        need_classes = [metric.name for metric in self._chosen.values() if not metric.continuous]
        as_factors(np.concatenate(self._factors), names=self.data.factor_names, bins=None if need_classes else 20)

    def _draw(self) -> dict[Need, tuple[Votes, ...]]:
        """Draw the votes of the interventional metrics; drop, with a warning, what a group names and none can draw."""
        drawn: dict[Need, tuple[Votes, ...]] = {}
        asked_for = [self.metrics] if isinstance(self.metrics, str | Metric) or callable(self.metrics) else self.metrics
        named = {one.name if isinstance(one, Metric) else one for one in asked_for}
        streams: dict[Need, int] = {"pairs": 1, "fixed_factor": 2}
        for need, stream in streams.items():
            asked = [m for m in self._chosen.values() if need in m.needs]
            if not asked:
                continue
            try:
                drawn[need] = self._votes(need, stream)
            except SelectdisError as error:
                if named & {name for m in asked for name in (m.name, *m.produces)}:
                    raise
                for m in asked:
                    del self._chosen[m.name]
                    warn_degenerate(m.name, f"left out: {error}")
        changed = [m for m in self._chosen.values() if "interventions" in m.needs]
        rng = np.random.default_rng([self.seed, 6])
        if changed and (batches := self.data.draw_interventions(min(INTERVENED, self.n_test), rng)) is not None:
            drawn["interventions"] = (Votes(tuple(batches), np.arange(len(batches))),)
        return drawn

    def _votes(self, need: str, stream: int) -> tuple[Votes, Votes]:
        draw = self.data.draw_pairs if need == "pairs" else self.data.draw_fixed_factor
        rng = np.random.default_rng([self.seed, stream])
        train, test = (draw(votes, self.batch, rng) for votes in (self.votes_train, self.votes_test))
        return Votes(tuple(train[:-1]), train[-1]), Votes(tuple(test[:-1]), test[-1])

    @cached_property
    def _row(self) -> np.ndarray:
        """The row in `indices` of each image of the data set (that of an image that is not needed means nothing)."""
        row = np.zeros(len(self.data), dtype=np.int64)
        row[self.indices] = np.arange(len(self.indices))
        return row

    @cached_property
    def _positions(self) -> dict[Need, tuple[Votes, ...]]:
        """The draws as rows of `indices`."""
        return {need: tuple(map(self._locate, parts)) for need, parts in self._draws.items()}

    def _locate(self, draws: Votes) -> Votes:
        return Votes(tuple(self._row[batch] for batch in draws.batches), draws.factor)

    def _samples(self, table: np.ndarray) -> Samples:
        train, test = self._parts
        return Samples(
            codes_train=table[self._row[train]],
            factors_train=self._factors[0],
            codes_test=table[self._row[test]],
            factors_test=self._factors[1],
            seed=self.seed,
            n_jobs=self.n_jobs,
            table=table,
            draws=self._positions,
            repeats=_repeats(train) if self.protocol == "reference" else None,
        )


def _repeats(indices: np.ndarray) -> np.ndarray:
    """Return which of `indices` (n,) come earlier too, (n,) bool."""
    repeats = np.ones(len(indices), dtype=bool)
    repeats[np.unique(indices, return_index=True)[1]] = False
    return repeats


Evaluation.__init__ = renamed(jobs="n_jobs")(Evaluation.__init__)  # type: ignore[method-assign]


def encode_in_batches(encode: Encode, data: ImageDataset, indices: np.ndarray, batch: int = 256) -> np.ndarray:
    """Return the codes of some images.

    Parameters
    ----------
    encode : callable
        Takes uint8 images (n, c, h, w), returns codes (n, latents).
    data : ImageDataset
        Where the images are.
    indices : ndarray (k,)
        Which of them.
    batch : int
        Images per call of `encode`.

    Returns
    -------
    ndarray (k, latents)

    Raises
    ------
    SelectdisError
        Where `encode` returns something else than (n, latents), with the same latents each time, or NaN or infinity.
    """
    parts: list[np.ndarray] = []
    for start in range(0, len(indices), batch):
        images = data.images_at(indices[start : start + batch])
        codes = as_numpy(encode(images))
        width = parts[0].shape[1] if parts else None
        if codes.ndim != 2 or len(codes) != len(images) or width not in (None, codes.shape[1]):
            wanted = f"({len(images)}, {width if width is not None else 'latents'})"
            raise SelectdisError(
                f"encode must return codes {wanted} for {len(images)} images; found shape {codes.shape}"
            )
        parts.append(check_codes(codes))
    return np.concatenate(parts)
