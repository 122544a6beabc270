"""The study file: a validated, frozen description of a search, its data, its training and its selection rule."""

from __future__ import annotations

import re
from functools import partial
from math import prod
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from selectdis.data._load import current_options
from selectdis.models import ARCHITECTURES
from selectdis.objectives import OBJECTIVES, takes_pairs
from selectdis.selection._scores import current_score_name
from selectdis.spec._checks import SpecError, check_name, check_values
from selectdis.spec._evidence import EVIDENCE
from selectdis.training._candidate import Candidate

__all__ = [
    "ConstraintSpec", "DataSpec", "EvaluationSpec", "Range", "RuleSpec", "SearchSpec", "SeedsSpec", "StudySpec",
    "TrainingSpec",
]  # fmt: skip


SETTINGS = (
    *("architecture", "latents", "learning_rate", "weight_decay", "width", "discriminator_width"),
    "likelihood",
)


class Section(BaseModel):
    """A part of a study file: unknown keys are refused, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Bounds that no study comes near: beyond them a typing mistake would fill the memory, or never end.
LARGEST_GRID = 1_000_000
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Text = Annotated[str, Field(min_length=1)]


class DataSpec(BaseModel):
    """A data set by name; every further key is an option of its loader."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: Text

    @model_validator(mode="before")
    @classmethod
    def _current_names(cls, value: Any) -> Any:
        return current_options(value) if isinstance(value, dict) else value

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the loader, beside the name."""
        return dict(self.__pydantic_extra__ or {})


def _data_from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Dataset = Annotated[DataSpec, BeforeValidator(_data_from_name)]


def _datasets_from_names(value: Any) -> Any:
    return [_data_from_name(one) for one in (value if isinstance(value, list | tuple) else [value])]


class Range(Section):
    """A continuous (or whole-number) hyperparameter between two bounds, both included."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low <= self.high:
            raise ValueError(f"low must not be above high, found low {self.low} and high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low above 0, found {self.low}")
        return self


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple | dict | Range) else [value]


def _as_non_empty_list(value: Any) -> Any:
    values = _as_list(value)
    if isinstance(values, list | tuple) and not values:
        raise ValueError("needs at least one value")
    return values


Numbers = Annotated[tuple[float, ...] | Range, BeforeValidator(_as_non_empty_list)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
NonEmptyNames = Annotated[tuple[str, ...], BeforeValidator(_as_non_empty_list)]
Integers = Annotated[tuple[int, ...], BeforeValidator(_as_non_empty_list)]


class SearchSpec(Section):
    """The space: architectures, latents, learning rates, and each objective with strengths of its own."""

    objective: dict[str, dict[str, Numbers]] = Field(min_length=1)
    architecture: NonEmptyNames = ("conv",)
    latents: Integers = (10,)
    learning_rate: Numbers = (1e-4,)
    weight_decay: Numbers | None = None  # by default each objective's own
    width: Integers | None = None
    discriminator_width: Integers | None = None
    likelihood: NonEmptyNames | None = None  # by default bernoulli
    sampler: Literal["grid", "qmc", "random", "tpe", "gp"] = "grid"
    trials: Count | None = None
    batch: Count = 8
    startup: Count = 16
    seed: Seed = 0

    @field_validator("objective", mode="before")
    @classmethod
    def _objectives(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        return {name: {} for name in value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _names(self, info: ValidationInfo) -> SearchSpec:
        for objective, strengths in self.objective.items():
            if _may_be_foreign(info) and objective not in OBJECTIVES:
                continue
            check_name("objective", objective, OBJECTIVES, ("objective", objective))
            for strength in strengths:
                path = ("objective", objective, strength)
                check_name(f"strength of {objective}", strength, OBJECTIVES[objective].strength_names, path)
        size = sum(prod(map(len, self._lists(objective))) for objective in self.objective)
        if self.sampler == "grid" and size > LARGEST_GRID and not self.ranges:
            raise SpecError(f"a grid has at most {LARGEST_GRID:,} configurations, found {size:,}", ("sampler",))
        if self.sampler == "grid" and self.ranges:
            message = f"a grid needs lists of values, found a range in {', '.join(self.ranges)}"
            raise SpecError(f"{message}; list values, or take another sampler", ("sampler",))
        if self.sampler != "grid" and self.trials is None:
            raise SpecError(f"{self.sampler!r} needs a number of trials, and `trials` is missing", ("sampler",))
        return self

    @model_validator(mode="after")
    def _trainable(self, info: ValidationInfo) -> SearchSpec:
        """Refuse here what no candidate can have: a study that is under way would have to leave it out."""
        if _may_be_foreign(info) and not (
            OBJECTIVES.keys() >= self.objective.keys() and ARCHITECTURES.keys() >= {*self.architecture}
        ):
            return self
        for objective, strengths in self.objective.items():
            for name, values in strengths.items():
                check_values(_ends(values), partial(_with_strength, objective, name), ("objective", objective, name))
        for name in SETTINGS:
            if (own := getattr(self, name)) is not None:
                check_values(_ends(own), partial(_with_setting, name), (name,))
        return self

    def _lists(self, objective: str) -> list[tuple[Any, ...]]:
        settings = [self.architecture, self.latents, self.learning_rate, self.weight_decay, self.width]
        settings += [self.discriminator_width, self.likelihood]
        return [values for values in (*settings, *self.objective[objective].values()) if isinstance(values, tuple)]

    @property
    def ranges(self) -> list[str]:
        """Names of the hyperparameters that have a range rather than a list of values."""
        strengths = [
            f"{objective}.{name}"
            for objective, own in self.objective.items()
            for name, values in own.items()
            if isinstance(values, Range)
        ]
        shared = ("learning_rate", "weight_decay")
        return strengths + [name for name in shared if isinstance(getattr(self, name), Range)]


def _may_be_foreign(info: ValidationInfo) -> bool:
    """Whether the study names plugins that are not loaded: then an unknown name may be that of a part of theirs."""
    return bool((info.context or {}).get("plugins_absent"))


def _ends(values: Any) -> tuple[Any, ...]:
    return (values.low, values.high) if isinstance(values, Range) else tuple(values)


def _with_strength(objective: str, name: str, value: float) -> Candidate:
    return Candidate(objective, strengths={name: value})


def _with_setting(name: str, value: Any) -> Candidate:
    return Candidate(**{name: value})


class SeedsSpec(Section):
    """How many seeds a configuration gets: `count`, or from `count` up to `max` unless Wilcoxon's test gives it up."""

    count: Count = 3
    max: Count | None = None
    first: Seed = 0

    @model_validator(mode="after")
    def _ordered(self) -> SeedsSpec:
        if self.max is not None and self.max < self.count:
            raise ValueError(f"seeds.max must not be below seeds.count, found {self.max} and {self.count}")
        return self


def _seeds_from_number(value: Any) -> Any:
    return {"count": value} if isinstance(value, int) else value


class TrainingSpec(Section):
    """How every candidate is trained."""

    steps: int = Field(default=300_000, ge=1, le=10**9)
    batch_size: int = Field(default=64, ge=2)
    precision: Literal["float32", "tf32", "bf16", "float64"] = "float32"
    compile: bool = False
    device: str = "auto"
    curve_every: int | None = Field(default=None, ge=1)
    checkpoint_every: int | None = Field(default=None, ge=1)

    @field_validator("device")
    @classmethod
    def _named(cls, value: str) -> str:
        # By name alone: a study is also read where its device is not.
        if not re.fullmatch(r"auto|(cpu|cuda)(:\d+)?", value):
            raise ValueError('must be "auto", "cpu", "cuda" or "cuda:N"')
        return value


class EvaluationSpec(Section):
    """What is measured on each run, and on how much data.

    A number that changes for the same run, be it by a new default, is a new `selectdis.scoring` SCORES_VERSION.
    """

    metrics: Names = ("fast",)
    criteria: Names = ("fast",)  # or "all": with those that train a classifier per run (pipe)
    sampled: bool = True
    held_out: float = Field(default=0.1, ge=0.0, le=0.5)
    n_train: int = Field(default=10_000, ge=10, le=10**8)
    n_test: int = Field(default=5_000, ge=10, le=10**8)
    n_criteria: int = Field(default=10_000, ge=10, le=10**8)  # for the criteria of codes, of all images
    protocol: Literal["disjoint", "reference"] = "disjoint"
    probe: int = Field(default=1_000, ge=10, le=10**7)
    seed: Seed = 0
    at: Annotated[tuple[float, ...], BeforeValidator(_as_non_empty_list)] = (1.0,)  # shares of the steps

    @field_validator("at")
    @classmethod
    def _ends_with_the_last(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < share <= 1 for share in value) or value[-1] != 1 or list(value) != sorted(set(value)):
            raise ValueError(
                f"must be rising shares of the steps, above 0, that end with 1, as [0.25, 0.5, 1]; found {[*value]}"
            )
        return value


class RuleSpec(Section):
    """How configurations are chosen on the proxy, and a run among theirs on the target."""

    configuration: Literal["mean", "median", "lcb"] = "mean"
    score: Annotated[str, AfterValidator(current_score_name)] = "win_rate"
    run: str = "udr_lasso"
    top: Count = 1
    seeds: Count = 5


class ConstraintSpec(Section):
    """A bound on a score; configurations outside are sampled less and ranked behind all others."""

    score: str
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bounded(self) -> ConstraintSpec:
        if self.min is None and self.max is None:
            raise ValueError("a constraint needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must not be above max, found {self.min:g} and {self.max:g}")
        return self


class StudySpec(Section):
    """A whole study, as its YAML file says it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    description: str = ""
    preset: Literal["fast", "good", "paper"] | None = None
    proxy: Annotated[tuple[DataSpec, ...], BeforeValidator(_datasets_from_names), Field(min_length=1)]
    target: Dataset | None = None
    search: SearchSpec
    seeds: Annotated[SeedsSpec, BeforeValidator(_seeds_from_number)] = SeedsSpec()
    training: TrainingSpec = TrainingSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    select: RuleSpec = RuleSpec()
    optimise: NonEmptyNames = ("score",)
    constraints: tuple[ConstraintSpec, ...] = ()
    warm_start: Text | None = None
    time_budget: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="minutes")
    storage: Text | None = None
    plugins: Names = ()
    tracking: Text | Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)] | None = "mlflow"

    @property
    def evidence(self) -> str | None:
        """The part of the published records that stands in for a proxy; None where there is a proxy."""
        first = self.proxy[0]
        return str(first.options.get("part")) if len(self.proxy) == 1 and first.name == EVIDENCE else None

    @model_validator(mode="after")
    def _consistent(self) -> StudySpec:
        paired = [name for name in self.search.objective if takes_pairs(name)]
        if paired and self.training.batch_size % 2:
            raise SpecError(
                f"{paired[0]} learns from pairs of images, so that batch_size must be even, found "
                f"{self.training.batch_size}",
                ("training", "batch_size"),
            )
        if len(self.optimise) > 1 and self.seeds.max is not None:
            raise ValueError("seeds.max (pruning of seeds) works with one score to optimise, found several in optimise")
        if len(self.proxy) > 1 and self.search.sampler not in ("grid", "qmc", "random"):
            raise ValueError(
                "several proxies need the sampler grid, qmc or random, so that all get the same configurations; found "
                f"{self.search.sampler!r}"
            )
        return self
