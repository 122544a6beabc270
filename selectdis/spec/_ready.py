"""The ready study files: in the package where it was installed from a wheel, else in the repository."""

from __future__ import annotations

from pathlib import Path

from selectdis.errors import SelectdisError, nearest

__all__ = ["ready_studies", "ready_study"]

PACKAGE = Path(__file__).parents[1]


def ready_studies() -> dict[str, Path]:
    """Return the ready study files by name."""
    for folder in (PACKAGE / "studies", PACKAGE.parent / "studies"):
        if found := sorted(folder.glob("*.yaml")):
            return {path.stem: path for path in found}
    return {}


def ready_study(name: str) -> Path:
    """Return the ready study file `name`; raise SelectdisError, naming the nearest, where there is none."""
    known = ready_studies()
    if name not in known:
        raise SelectdisError(f"no ready study is called {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return known[name]
