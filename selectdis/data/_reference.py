"""Data sets by reference: workers are told where images come from, and never sent them."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selectdis._files import atomic_write
from selectdis.data._dataset import ImageDataset
from selectdis.data._load import load_dataset, options_of
from selectdis.errors import SelectdisError

__all__ = ["STORED", "DataReference", "fitting_options", "stored_name"]

STORED = "stored:"  # before the name of a data set that lies in the study's own folder

# Folders of models and codes are named by a hash of the options: these keep the spelling that the first ones had.
RECORDED_AS = {"gray": "grey"}
# Images of some data sets have changed. A reference that does not say which ones it means is of the first; the folders
# of both have one name, so that a study finds what it had, and refuses to mix the two (`Stage`s begin with a check).
EDITION = "edition"


@dataclass(frozen=True)
class DataReference:
    """A data set by name and options: small enough to send anywhere, loaded where it is needed.

    A data set that exists only as an object in the driver is stored once as a .npy file, which every worker maps.
    """

    name: str
    options: str = "{}"  # JSON, so that the reference can be hashed
    stored: str | None = None

    @classmethod
    def of(cls, data: str | ImageDataset, options: dict[str, Any] | None = None, *, folder: Path) -> DataReference:
        """Refer to a named data set, or to `data` stored under `folder`."""
        if isinstance(data, ImageDataset):
            return cls(data.name, stored=str(_store(data, folder / "data")))
        if data.startswith(STORED):
            path = folder / "data" / re.sub(r"[^A-Za-z0-9-]", "", data.removeprefix(STORED))  # a name, never a way out
            return cls(str(_about(path)["name"]), stored=str(path))
        recorded = {RECORDED_AS.get(name, name): value for name, value in (options or {}).items()}
        if (newest := options_of(data).get(EDITION)) is not None:
            recorded.setdefault(EDITION, newest)
        return cls(data, json.dumps(recorded, sort_keys=True, default=str))

    @classmethod
    def parse(cls, text: Any) -> DataReference | None:
        """Return the reference whose fields `text` (JSON) holds; None where it holds none."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError, RecursionError):
            return None

    def load(self) -> ImageDataset:
        """Load the data set, once per process."""
        return _load(self)

    @property
    def edition(self) -> int:
        """Which of its images a data set means that has changed them: 1 for those of old, and where none have."""
        return int(json.loads(self.options).get(EDITION, 1))

    @property
    def slug(self) -> str:
        """A folder name of its own for every data set and choice of options, whatever their edition."""
        options = json.loads(self.options)
        text = json.dumps({name: options[name] for name in options if name != EDITION}, sort_keys=True)
        identity = (
            f"{self.name}{text if EDITION in options else self.options}{Path(self.stored).name if self.stored else ''}"
        )
        digest = hashlib.sha256(identity.encode()).hexdigest()[:6]
        return f"{re.sub(r'[^A-Za-z0-9]+', '-', Path(self.name).name).strip('-')[:40]}-{digest}"


@functools.lru_cache(maxsize=4)
def _load(reference: DataReference) -> ImageDataset:
    if reference.stored is None:
        current = {recorded: name for name, recorded in RECORDED_AS.items()}
        options = {current.get(name, name): value for name, value in json.loads(reference.options).items()}
        old = {EDITION: 1} if EDITION in options_of(reference.name) else {}
        return load_dataset(reference.name, **(old | options))
    path = Path(reference.stored)
    about = _about(path)
    try:
        images = np.load(path / "images.npy", mmap_mode="r", allow_pickle=False)
        factors = np.load(path / "factors.npy", allow_pickle=False) if (path / "factors.npy").exists() else None
    except (OSError, ValueError) as error:
        raise SelectdisError(f"the stored data set {path} cannot be read: {error}; give the data again") from None
    return ImageDataset(images=images, factors=factors, **about)


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
        return {**about, "name": about["name"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SelectdisError(f"the stored data set {path} cannot be read: {error}; give the data again") from None


def stored_name(data: ImageDataset) -> str:
    """Return the name of the folder that holds `data` where it is stored: one of its own for all that it holds."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', data.name)[:40]}-{data.fingerprint}"


def _store(data: ImageDataset, folder: Path) -> Path:
    path = folder / stored_name(data)
    if (path / "about.json").exists():  # written last: with it, the rest is there
        return path
    path.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(
        path / "images.npy", mode="w+", dtype=np.uint8, shape=(len(data), *data.image_shape)
    )
    for start in range(0, len(data), 4096):
        rows = np.arange(start, min(start + 4096, len(data)))
        images[rows] = data.images_at(rows)
    images.flush()
    if data.factors is not None:
        np.save(path / "factors.npy", data.factors, allow_pickle=False)
    about = {"name": data.name, "factor_names": data.factor_names, "factor_sizes": data.factor_sizes}
    about |= {"factor_values": data.factor_values}
    with atomic_write(path / "about.json") as temporary:
        temporary.write_text(json.dumps(about | {"source": data.source}), encoding="utf-8")
    return path


def fitting_options(name: str, image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Return options that load a named data set in the size and channels of `image_shape`, as far as it has them."""
    channels, size, _ = image_shape
    wanted: dict[str, Any] = {"image_size": size, "gray": channels == 1}
    return {key: value for key, value in wanted.items() if key in options_of(name)}
