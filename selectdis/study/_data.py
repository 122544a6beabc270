"""The data sets of a study, and refusals of those that cannot serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from selectdis import _plugins
from selectdis.data import ImageDataset
from selectdis.data._like import fitting_options
from selectdis.data._load import current_options, options_of
from selectdis.data._reference import STORED, DataReference, stored_name
from selectdis.errors import SelectdisError
from selectdis.objectives import takes_pairs
from selectdis.scoring._probe import scorer_of
from selectdis.scoring._scorer import check_split
from selectdis.selection import Rule
from selectdis.spec import StudySpec
from selectdis.study.picking._evidence import EvidenceProxy

__all__ = ["StudyData", "without_objects"]


def without_objects(spec: StudySpec | dict[str, Any]) -> tuple[StudySpec | dict[str, Any], dict[str, ImageDataset]]:
    """Return `spec` with a name for each data set that it holds as an object, and the objects by these names."""
    if isinstance(spec, StudySpec):
        return spec, {}
    objects: dict[str, ImageDataset] = {}

    def named(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [named(one) for one in value]
        if not isinstance(value, ImageDataset):
            return value
        objects[name := f"{STORED}{stored_name(value)}"] = value
        return name

    return {key: named(value) if key in ("proxy", "target") else value for key, value in spec.items()}, objects


class StudyData:
    """References to the data sets of a study; images that exist only as an object are stored in its `folder`."""

    def __init__(self, spec: StudySpec, folder: Path, objects: Mapping[str, ImageDataset] | None = None) -> None:
        self.spec, self.folder, self.objects = spec, folder, objects or {}

    def proxies(self) -> list[DataReference]:
        """Return the labelled data sets that are searched on; none where the evidence stands in for them."""
        if self.spec.evidence is not None:
            return []
        return [self._reference(data.name, data.options) for data in self.spec.proxy]

    def target(self, target: str | ImageDataset | None = None, **options: Any) -> DataReference:
        """Return the target: the study file's, another one by name, or images of one's own."""
        spec, options = self.spec.target, current_options(options)
        if target is None:
            if spec is None:
                raise SelectdisError("the study file names no target: give one (--target NAME, or target= in Python)")
            return self._reference(spec.name, self._sized(spec.name) | {**spec.options, **options})
        if isinstance(target, ImageDataset):
            return DataReference.of(target, folder=self.folder)
        if target.startswith(STORED):
            return self._reference(target, {})
        own = spec.options if spec is not None and spec.name == target else {}
        if self.spec.evidence is not None:
            return self._reference(target, self._sized(target) | own | options)
        shape = self.proxies()[0].load().image_shape
        return self._reference(target, fitting_options(target, shape) | own | options)

    def _sized(self, target: str) -> dict[str, Any]:
        """Return the option that loads a target in the size of the evidence, where that stands in for a proxy."""
        if self.spec.evidence is None or "image_size" not in options_of(target):
            return {}
        return {"image_size": EvidenceProxy(self.spec).image_size}

    def _reference(self, name: str, options: dict[str, Any]) -> DataReference:
        if name in self.objects:
            return DataReference.of(self.objects[name], folder=self.folder)
        known = not _plugins.absent(self.spec.plugins)
        return DataReference.of(name, options, folder=self.folder, known=known)

    def check_proxy(self, data: DataReference) -> None:
        """Load a proxy, and refuse one without labels."""
        if not data.load().labelled:
            raise SelectdisError(
                f"the proxy {data.name!r} has no labels to score disentanglement with; take a labelled data set "
                "(`selectdis data list` shows them), and give this one as the target"
            )
        check_split(data.load(), self.spec.evaluation)
        self.check_pairs(data, self.spec.search.objective)

    def check_pairs(self, data: DataReference, objectives: Iterable[str]) -> None:
        """Refuse a data set without pairs for objectives that learn from them.

        It is asked as it is trained on: held-out images may take the last pairs away.
        """
        wanted = [name for name in objectives if takes_pairs(name)]
        if wanted and (reason := scorer_of(data, self.spec.evaluation).training_data.no_pairs):
            raise SelectdisError(f"{wanted[0]} learns from pairs of images, and {data.name!r} gives none: {reason}")

    def check_target(self, data: DataReference, rule: Rule) -> None:
        """Load the target before anything of it is recorded: one that cannot be used leaves no trace."""
        check_split(data.load(), self.spec.evaluation)
        if rule.target_columns and not data.load().labelled:
            raise SelectdisError(
                f"the rule {rule.label!r} needs a few labels of the target, and {data.name!r} has none; take a rule "
                "without labels (select.run: udr_lasso)"
            )
