"""Where a study is kept: its folder, its journal or database, and the Optuna study of each stage."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection

from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.spec import StudySpec
from selectdis.study._search import make_sampler
from selectdis.study._stage import Stage
from selectdis.study._trial_records import directions
from selectdis.study.persistence._database import database_lock, open_database, retry_while_away
from selectdis.study.persistence._folder import JOURNAL, driver_lock, open_journal
from selectdis.study.persistence._identity import claim_folder, database_id, folder_id, view_lock
from selectdis.study.persistence._optuna import name_values

__all__ = ["StudyStore"]

# Changing one of these makes runs that cannot be compared with those that are there already.
FIXED = ("training", "evaluation", "optimise")


class StudyStore:
    """The journal in a study's folder, or the database at `url` that several drivers share; and its stages there."""

    def __init__(self, spec: StudySpec, folder: Path, url: str | None, *, lost_after: int) -> None:
        self.spec, self.folder, self.url, self.lost_after = spec, folder, url, lost_after

    @cached_property
    def storage(self) -> BaseStorage:
        """Optuna's storage, opened when it is needed."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return open_journal(self.folder) if self.url is None else open_database(self.url, self.lost_after)

    def exists(self) -> bool:
        """Return whether anything may be recorded."""
        return self.url is not None or (self.folder / JOURNAL).exists()

    def hold(self) -> AbstractContextManager[None]:
        """Be the folder's only driver; those that share a database may be several."""
        if self.url is None:
            return driver_lock(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        return nullcontext()

    @property
    def id(self) -> str:
        """The study's own id, of all its drivers the same."""
        return folder_id(self.folder) if self.url is None else database_id(self._database, self.spec.name)

    def claim(self) -> None:
        """Be who the study is, as a driver that holds it: a folder may be a copy of another study's."""
        if self.url is None:
            claim_folder(self.folder)

    def view_lock(self) -> AbstractContextManager[None]:
        """Do alone, of all that show this study, what must not happen twice; a study never waits for it."""
        if self.url is None:
            return view_lock(self.folder)
        return database_lock(self._database.engine.url, f"{self.spec.name}: view")

    @property
    def _database(self) -> RDBStorage:
        assert isinstance(self.storage, RDBStorage)
        return self.storage

    def stage(self, name: str, data: DataReference) -> Stage | None:
        """Return the stage on `data`; None where it has not begun."""
        try:
            return self._stage(name, data, self._load(self._study_name(name, data))) if self.exists() else None
        except KeyError:
            return None

    def targets(self) -> Iterator[Stage]:
        """Return the stages on targets, as far as they have begun, in the order of their names."""
        prefix = f"{self.spec.name}/target/"
        for name in sorted(optuna.get_all_study_names(self.storage)) if self.exists() else ():
            if not name.startswith(prefix):
                continue
            study = self._load(name)
            reference = DataReference.parse(study.user_attrs.get("data"), self.folder)
            if reference is not None:
                yield self._stage("target", reference, study)
            else:  # a driver was killed as it began, or the journal was cut there: there are no runs either
                warnings.warn(
                    f"the target {name.removeprefix(prefix)!r} is left out: what its data are is not recorded; the "
                    "next transfer to it records that again",
                    stacklevel=2,
                )

    def begin(self, name: str, data: DataReference) -> Stage:
        """Return the stage on `data`, made where it has not begun; one of other settings is refused."""
        proxy = name == "proxy"
        study = retry_while_away(
            lambda: optuna.create_study(
                study_name=self._study_name(name, data),
                storage=self.storage,
                sampler=make_sampler(self.spec.search),
                directions=directions(self.spec) if proxy else [StudyDirection.MAXIMIZE],
                load_if_exists=True,
            )
        )
        self.check_unchanged(study)
        retry_while_away(lambda: name_values(study, self.spec.optimise if proxy else ["score"]))
        self._check_edition(study, data)
        retry_while_away(lambda: study.set_user_attr("data", data.to_json()))
        return self._stage(name, data, study)

    def _load(self, study_name: str) -> optuna.Study:
        return optuna.load_study(study_name=study_name, storage=self.storage)

    def _study_name(self, stage: str, data: DataReference) -> str:
        return f"{self.spec.name}/{stage}/{data.slug}"

    def _stage(self, name: str, data: DataReference, study: optuna.Study) -> Stage:
        return Stage(name, self.spec, data, study, self.folder, shared=self.url is not None)

    def check_unchanged(self, study: optuna.Study) -> None:
        """Refuse to mix runs of other training or evaluation into one study."""
        mine = json.loads(self.spec.model_dump_json(include=set(FIXED)))
        theirs = study.user_attrs.get("fixed")
        if not isinstance(theirs, dict):
            retry_while_away(lambda: study.set_user_attr("fixed", mine))
            return
        for key, value in mine.items():
            recorded = theirs.get(key)
            if isinstance(value, dict) and isinstance(recorded, dict):
                # A setting that a later version added had its default then.
                recorded = json.loads(type(getattr(self.spec, key))().model_dump_json()) | recorded
            if recorded != value:
                change = _difference(recorded, value)
                raise SelectdisError(
                    f"the study in {self.folder} was made with another `{key}` ({change}): "
                    "give this study another name, or delete that folder"
                )

    def _check_edition(self, study: optuna.Study, data: DataReference) -> None:
        """Refuse to go on with other images than the runs that are there were trained on."""
        before = DataReference.parse(study.user_attrs.get("data"), self.folder)
        if before is not None and before.edition != data.edition:
            raise SelectdisError(
                f"the study in {self.folder} was made with edition {before.edition} of {data.name}, whose images are "
                f"not those of edition {data.edition}: add `edition: {before.edition}` to that data set in the study "
                "file, or give this study another name"
            )


def _difference(theirs: Any, mine: Any) -> str:
    if isinstance(theirs, dict) and isinstance(mine, dict):
        keys = [key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key)]
        return ", ".join(f"{key}: {theirs.get(key)!r}, now {mine.get(key)!r}" for key in keys)
    return f"{theirs!r}, now {mine!r}"
