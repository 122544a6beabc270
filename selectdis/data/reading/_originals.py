"""What pictures were before they were brought to one shape: for `selectdis data info` and for warnings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from selectdis.data.reading._picture import RawPicture
from selectdis.data.reading._scaling import Scaling, check_scaling, value_range

__all__ = ["Originals", "Tally", "count_picture"]


@dataclass(frozen=True)
class Originals:
    """What the files of a data set held.

    Attributes
    ----------
    kinds : dict
        Depth and channels in words ("8-bit RGB") to [pictures, least value, largest value].
    sizes : dict
        "width x height" to how many pictures.
    transparent : int
        Pictures with parts that are transparent.
    pages_left : int
        Pages of stacks and animations that were not taken, of `stacks` files.
    left_out : tuple of str
        Why a file was left out, a sentence each.
    scaling : str or (float, float)
        What `scaling=` reads new pictures as these were read: a range where it was measured.
    """

    kinds: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    transparent: int = 0
    stacks: int = 0
    pages_left: int = 0
    left_out: tuple[str, ...] = ()
    scaling: Scaling = "type"

    def to_bytes(self) -> np.ndarray:
        """Return it as uint8, which the cache folder keeps beside the pictures."""
        return np.frombuffer(json.dumps(asdict(self)).encode(), np.uint8)

    @classmethod
    def from_bytes(cls, content: np.ndarray) -> Originals:
        """Return what `to_bytes` wrote."""
        return cls.from_dict(json.loads(content.tobytes()))

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Originals:
        """Return what `dataclasses.asdict` made a dict of, by way of JSON or not; scaling and all else are checked."""
        known = {one.name: told[one.name] for one in fields(cls) if one.name in told}
        left_out = tuple(map(str, known.get("left_out", ())))
        return cls(**known | {"left_out": left_out, "scaling": check_scaling(known.get("scaling", "type"))})


def count_picture(kinds: dict[str, list[float]], kind: str, values: np.ndarray) -> None:
    """Count one picture among those of its kind, and widen their range by its values."""
    low, high = value_range(values)
    count, least, largest = kinds.get(kind, [0, low, high])
    kinds[kind] = [count + 1, min(least, low), max(largest, high)]


class Tally:
    """Counts what pictures hold while they are read."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[float]] = {}
        self.sizes: Counter[str] = Counter()
        self.transparent = self.stacks = self.pages_left = 0
        self.left_out: list[str] = []

    def add(self, picture: RawPicture, *, first: bool, all_pages: bool) -> None:
        """Count one picture; `first` of its file's pages."""
        count_picture(self.kinds, picture.kind, picture.values)
        self.sizes[f"{picture.size[0]} x {picture.size[1]}"] += 1
        self.transparent += picture.transparent
        if first and picture.pages > 1:
            self.stacks += 1
            self.pages_left += 0 if all_pages else picture.pages - 1

    @property
    def only_bits(self) -> bool:
        """Whether there are bytes that hold nothing but 0 and 1, as in arrays of black-and-white images."""
        told = [largest for kind, (_, _, largest) in self.kinds.items() if kind.startswith("8-bit")]
        return bool(told) and len(told) == len(self.kinds) and max(told) == 1

    def originals(self, scaling: Scaling) -> Originals:
        """Return what was counted."""
        counts = (self.transparent, self.stacks, self.pages_left, tuple(self.left_out))
        return Originals(self.kinds, dict(self.sizes.most_common()), *counts, scaling)
