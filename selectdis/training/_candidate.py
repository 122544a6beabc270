"""A candidate: a configuration plus a seed. Nothing here loads torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from selectdis import _plugins
from selectdis.errors import SelectdisError, nearest, whole_number
from selectdis.models import ARCHITECTURES, LIKELIHOODS
from selectdis.objectives import OBJECTIVES, Objective

__all__ = ["Candidate", "Strengths", "program_key", "sorted_candidates"]


class Strengths(Mapping[str, float]):
    """A mapping of names to numbers that can be hashed and compared with a dict."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, float]) -> None:
        self._items = tuple(items.items())

    def __getitem__(self, name: str) -> float:
        return dict(self._items)[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return repr(dict(self._items))


@dataclass(frozen=True)
class Candidate:
    """What is trained: an objective with its strengths, an architecture, the training settings, and a seed.

    The defaults are the constants of Locatello et al. 2019.

    Parameters
    ----------
    objective
        ``"beta_vae"``, ``"annealed_vae"``, ``"factor_vae"``, ``"dip_vae_i"``, ``"dip_vae_ii"``, ``"beta_tc_vae"``,
        ``"qlae"``; or, of pairs of images, ``"ada_gvae"`` or ``"ada_ml_vae"``.
    seed
        The only source of chance: initial weights, order of the data, noise.
    strengths
        The objective's own numbers by name (``{"beta": 4.0}``); missing ones take their defaults.
    architecture
        ``"conv"`` or ``"fc"``.
    latents, batch_size, learning_rate
        Size of the code, images a step (of pairs half as many, so that it is even), Adam's learning rate.
    width
        Units of the hidden dense layers; by default 256 in ``"conv"`` and 1200 in ``"fc"``.
    adam_beta1, adam_beta2, adam_epsilon
        Adam's constants for the model.
    discriminator_width, discriminator_learning_rate, discriminator_beta1, discriminator_beta2
        FactorVAE's discriminator (six layers) and its Adam; other objectives do not use them.
    weight_decay
        Of the weights of all layers, not of biases: each step takes ``learning_rate * weight_decay`` of them away
        (AdamW); by default the objective's own, which is 0.1 for ``"qlae"`` and 0 for the others.
    likelihood
        Of the pixels: ``"bernoulli"``, ``"gaussian"`` (variance 1) or ``"gaussian_learned"`` (one variance for all).

    Raises
    ------
    SelectdisError
        If a name is unknown (the message offers the nearest one) or a number is out of its range.
    """

    objective: str = "beta_vae"
    seed: int = 0
    strengths: Mapping[str, float] = field(default_factory=dict)
    architecture: str = "conv"
    latents: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-4
    width: int | None = None
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    discriminator_width: int = 1000
    discriminator_learning_rate: float = 1e-4
    discriminator_beta1: float = 0.5
    discriminator_beta2: float = 0.9
    weight_decay: float | None = None
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES or self.architecture not in ARCHITECTURES:
            _plugins.installed("objectives", "architectures")
        _check_name("objective", self.objective, tuple(OBJECTIVES))
        _check_name("architecture", self.architecture, tuple(ARCHITECTURES))
        _check_name("likelihood", self.likelihood, LIKELIHOODS)
        if not isinstance(self.strengths, Mapping):
            raise SelectdisError(f"strengths must map names to numbers, found {self.strengths!r}")
        settled: dict[str, Any] = {
            "strengths": Strengths(self.specification.complete(self.strengths)),
            "width": ARCHITECTURES[self.architecture].width if self.width is None else self.width,
            "weight_decay": self.specification.weight_decay if self.weight_decay is None else self.weight_decay,
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        for name, (low, high) in _WHOLE.items():
            object.__setattr__(self, name, whole_number(name, getattr(self, name), low, high))
        for name, bound in _REAL.items():
            object.__setattr__(self, name, _real(name, getattr(self, name), bound))
        if self.specification.share is not None and self.batch_size % 2:
            raise SelectdisError(
                f"{self.objective} learns from pairs of images, so its batch_size must be even, found {self.batch_size}"
            )

    @property
    def specification(self) -> Objective:
        """The objective itself: its loss, the names of its strengths and the grid of the literature."""
        return OBJECTIVES[self.objective]

    @property
    def strength(self) -> float:
        """The strength that the literature sweeps for this objective."""
        return self.strengths[self.specification.main]

    @property
    def configuration(self) -> str:
        """A stable name of everything but the seed, such as ``"beta_vae-3f9c1a2b"``."""
        content = {name: value for name, value in self.to_dict().items() if name != "seed"}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"{self.objective}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"

    @property
    def id(self) -> str:
        """A stable name of the candidate, such as ``"beta_vae-3f9c1a2b-s0"``."""
        return f"{self.configuration}-s{self.seed}"

    def with_seed(self, seed: int) -> Candidate:
        """Return the same configuration with another seed."""
        return replace(self, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold; the strengths are nested.

        The objective's own weight decay and the Bernoulli likelihood are left out, so that such candidates keep the ids
        that they had before there were others.
        """
        content = {setting.name: getattr(self, setting.name) for setting in fields(self)}
        if self.weight_decay == self.specification.weight_decay:
            del content["weight_decay"]
        if self.likelihood == LIKELIHOODS[0]:
            del content["likelihood"]
        return {**content, "strengths": dict(self.strengths)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Candidate:
        """Return the candidate that `to_dict` described.

        Raises
        ------
        SelectdisError
            If a key is not a setting of a candidate, or a value is not allowed.
        """
        known = tuple(setting.name for setting in fields(cls))
        for name in content:
            _check_name("setting of a candidate", name, known)
        return cls(**content)


def program_key(candidate: Candidate) -> tuple[Any, ...]:
    """Return what candidates must share to train as one program."""
    return (
        candidate.architecture,
        candidate.latents,
        candidate.batch_size,
        candidate.width,
        candidate.discriminator_width,
        candidate.likelihood,
    )


def objective_rank(candidate: Candidate) -> int:
    """Return the place of a candidate's objective among all, by which the rows of a cohort are sorted."""
    return list(OBJECTIVES).index(candidate.objective)


def sorted_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """In the order that the rows of a cohort have: by objective."""
    return sorted(candidates, key=objective_rank)


# setting -> lowest and highest allowed value
_WHOLE: dict[str, tuple[int, int]] = {
    "seed": (0, 2**63 - 1),
    "latents": (1, 10_000),
    "batch_size": (2, 1_000_000),
    "width": (1, 100_000),
    "discriminator_width": (1, 100_000),
}
# setting -> the value it must stay below; all are above 0 except Adam's betas and the decay, which may be 0
_REAL: dict[str, float] = {
    "learning_rate": math.inf,
    "adam_beta1": 1.0,
    "adam_beta2": 1.0,
    "adam_epsilon": math.inf,
    "discriminator_learning_rate": math.inf,
    "discriminator_beta1": 1.0,
    "discriminator_beta2": 1.0,
    "weight_decay": math.inf,
}


def _check_name(what: str, name: Any, known: tuple[str, ...]) -> None:
    if name not in known:
        hint = nearest(str(name), known)
        if what in ("objective", "architecture") and not hint:
            hint = "; if another package brings it, install that, or read the study file that names it under `plugins`"
        raise SelectdisError(f"the {what} must be one of {', '.join(known)}, found {name!r}{hint}")


def _real(name: str, value: Any, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    may_be_zero = "beta" in name or name == "weight_decay"
    allowed = 0 <= number < high if may_be_zero else 0 < number < high
    if isinstance(value, str | bool) or not allowed:
        low = "of at least 0" if may_be_zero else "above 0"
        raise SelectdisError(f"{name} must be a number {low} and below {high:g}, found {value!r}")
    return number
