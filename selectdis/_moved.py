"""Names from before 0.2.0, which work until 0.3: to keep one more, add a line to `MOVED`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

from selectdis.errors import OldNameWarning

__all__ = ["MOVED", "install"]

# Modules that only became private: `metrics.mig` is now `metrics._mig`.
PRIVATE = {
    "data": "dataset load preview sizes source",
    "models": "conv discriminator fc layers matmul model parameters",
    "objectives": "annealed_vae beta_tc_vae beta_vae dip_vae factor_vae objective",
    "metrics": "beta_vae dci downstream explicitness factor_vae fairness few_labels infomec irs mig modularity sap",
    "criteria": "centrality gaussian held_out information pipe udr",
    "training": "adam arguments candidate checkpoint cohort compiled curves images loop memory program run runtime",
    "selection": "analysis backtest configurations correlations defaults intervals leaderboard rules scores "
    "trust variance",
    "study": "importances listener replay search stage study transfer trials",
    "report": "page sections tables",
    "tracking": "champion champion_model entries environment listener rebuild store",
    "cli": "analyze backtest common data folders leaderboard output report run score track transfer ui",
}
# Old name -> new one, both without "selectdis.": a module, a public name of a package or one of an old module.
MOVED = {f"{room}.{name}": f"{room}._{name}" for room, names in PRIVATE.items() for name in names.split()} | {
    "arrays": "_arrays",
    "files": "_files",
    "files.whole_file": "_files.atomic_write",
    "evaluation": "scoring._evaluation",
    "saved": "scoring._saved_codes",
    "data.draws": "data._interventions",
    "data.sprites": "data.drawn._sprites",
    "data.scenes": "data.drawn._scenes",
    "data.glyphs": "data.drawn._glyphs",
    "data.geometry": "data.drawn._geometry",
    "data.cars3d": "data.public._cars3d",
    "data.dsprites": "data.public._dsprites",
    "data.mpi3d": "data.public._mpi3d",
    "data.shapes3d": "data.public._shapes3d",
    "data.smallnorb": "data.public._smallnorb",
    "data.variants": "data.public._variants",
    "data.digits": "data.public._digits",
    "data.fetch": "data.public._fetch",
    "data.cache": "data.reading._cache",
    "data.locate": "data.public._locate",
    "data.folder": "data.own._folder",
    "data.table": "data.own._table",
    "data.objects": "data.own._objects",
    "data.arrays": "data.own._array_file",
    "data.hf": "data.own._hugging_face",
    "data.labels": "data._labels",
    "data.pictures": "data.reading._pictures",
    "data.npz": "data.reading._npz",
    "data.hdf5": "data.reading._hdf5",
    "data.lazy": "data.reading._lazy",
    "data.rows": "data.reading._file_array",
    "data.convert": "data.reading._convert",
    "data.pixels": "data.reading._pixels",
    "training.train": "execution.train",
    "training.cohort_size": "execution.cohort_size",
    "training.chance": "training._random_source",
    "training.storage": "training._safetensors_file",
    "training.streams": "training._random_source",
    "training.plan": "execution._plan",
    "training.workers": "execution._pool",
    "training.trainer": "execution._train",
    "selection.by_mean_rank": "selection.by_win_rate",
    "selection.configurations.by_mean_rank": "selection.by_win_rate",
    "selection.directions": "records._directions",
    "selection.calibrated": "selection.learned._calibrated",
    "selection.published": "selection._transfer_table",
    "selection.runs": "selection._run_choosers",
    "selection.tables": "records._tables",
    "selection.trials": "selection._folds",
    "study.cohorts": "execution._study_jobs",
    "study.dask_jobs": "execution._dask",
    "study.executor": "execution._study_jobs",
    "study.job": "execution._job",
    "study.job.codes_path": "scoring._files.codes_path",
    "study.job.model_path": "scoring._files.model_path",
    "study.mistakes": "spec._checks",
    "study.names": "spec._checks",
    "study.patience": "study.persistence._database",
    "study.pool": "scoring._many_runs",
    "study.recording": "execution._recording",
    "study.records": "study._trial_records",
    "study.reference": "data._reference",
    "study.scoring": "scoring._scorer",
    "study.settings": "records._labels",
    "study.spec": "spec",
    "study.values": "study._trial_records",
    "study.worker": "execution._worker",
    "study.yaml_guard": "spec._reader",
    "study.yaml_lines": "spec._reader",
    "report.Material": "visualization.StudySnapshot",
    "report.StageRuns": "visualization.StageSnapshot",
    "report.StudyPlots": "visualization.StudyPlots",
    "report.gather": "visualization.take_snapshot",
    "report.charts": "visualization._charts",
    "report.figures": "visualization._study_plots",
    "report.material": "visualization._snapshot",
    "report.theme": "visualization._theme",
    "report.words": "records._labels",
    "training.chance.Chance": "training._random_source.RandomSource",
    "study.executor.default_jobs": "execution._study_jobs.default_n_jobs",
    "study.journal": "study.persistence._folder",
    "study.locks": "study.persistence._folder",
    "study.storage": "study.persistence._database",
    "study.patience.with_patience": "study.persistence._database.retry_while_away",
    "study.pruning": "study._batch",
    "study.mistakes.Mistake": "spec._checks.SpecError",
    "study.names.check_names": "spec._checks.check_scores",
    "study.spec.with_preset": "spec._presets.with_preset",
    "study.spec.Constraint": "spec.ConstraintSpec",
    "selection.trials.Trial": "selection._folds.Fold",
    "selection.runs.Criterion": "selection._run_choosers.CriterionChooser",
    "report.material.Material": "visualization.StudySnapshot",
    "report.material.StageRuns": "visualization.StageSnapshot",
    "report.material.gather": "visualization.take_snapshot",
    "tracking.pictures.dissect": "visualization.picture_run",
    "metrics.Draws": "metrics.Votes",
    "models.MODELS": "models.ARCHITECTURES",
    "objectives.dip_vae_i": "objectives._dip_vae",
    "objectives.dip_vae_ii": "objectives._dip_vae",
    "tracking.pictures": "visualization._pictures",
    "tracking.ranking": "visualization._snapshot",
}
PREFIX = "selectdis."


def install() -> None:
    """Let the packages of selectdis answer to their old names, each with one warning."""
    sys.modules["selectdis"].__class__ = _Package
    sys.meta_path.append(_Finder())


def _moved(old: str, stacklevel: int) -> Any:
    """Return what is called `old` now, and say so."""
    home = (PREFIX + MOVED[old]).split("._")[0]  # a private module's names are exported by its package
    warnings.warn(f"{PREFIX}{old} is an old name, gone in 0.3: use {home}", OldNameWarning, stacklevel=stacklevel + 1)
    return resolve_name(PREFIX + MOVED[old])


class _Module(ModuleType):
    def __reduce__(self) -> tuple[Any, ...]:  # as other modules are sent to processes: by name
        return import_module, (self.__name__,)


class _Package(_Module):
    """A package of selectdis: its old names are looked up last, and never hide what it has."""

    def __getattr__(self, name: str) -> Any:
        old = f"{self.__name__}.{name}".removeprefix(PREFIX)
        if old not in MOVED:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = _moved(old, stacklevel=2)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, _OldModule) and name in vars(self):
            return  # `from selectdis.metrics.mig import mig` leaves `selectdis.metrics.mig` the function that it is
        own = isinstance(value, ModuleType) and not isinstance(value, _OldModule)
        if own and hasattr(value, "__path__") and value.__name__.startswith(PREFIX):
            value.__class__ = _Package
        super().__setattr__(name, value)


class _OldModule(_Module):
    """What an old import finds: a module that hands everything on to its new home."""

    def __getattr__(self, name: str) -> Any:
        old = self.__name__.removeprefix(PREFIX)
        if renamed := MOVED.get(f"{old}.{name}"):
            return resolve_name(PREFIX + renamed)
        return getattr(resolve_name(PREFIX + MOVED[old]), name)


class _Finder(MetaPathFinder, Loader):
    """Asked last, where an import found nothing."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        known = name.startswith(PREFIX) and name.removeprefix(PREFIX) in MOVED
        return ModuleSpec(name, self) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        _moved(module.__name__.removeprefix(PREFIX), stacklevel=2)
