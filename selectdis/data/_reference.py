"""Data sets by reference: workers are told where images come from, and never sent them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from selectdis._files import atomic_write, open_file, own_file
from selectdis.data._dataset import ImageDataset
from selectdis.data._load import load_dataset, options_of
from selectdis.data.reading._file_array import open_npy
from selectdis.data.reading._originals import Originals
from selectdis.errors import SelectdisError

__all__ = ["STORED", "DataReference", "stored_name"]

STORED = "stored:"  # before the name of a data set that lies in the study's own folder

# Folders of models and codes are named by a hash of the options: these keep the spelling that the first ones had.
RECORDED_AS = {"gray": "grey"}
# Images of some data sets have changed. A reference that does not say which ones it means is of the first; the folders
# of both have one name, so that a study finds what it had, and refuses to mix the two (`Stage`s begin with a check).
EDITION = "edition"
OF_FILES = ("files", "left_out", "image_fit")  # what a data set knows of the files that its images came from


@dataclass(frozen=True)
class DataReference:
    """A data set by name and options: small enough to send anywhere, loaded where it is needed.

    A data set that exists only as an object in the driver is stored once as a .npy file, which every worker maps.
    """

    name: str
    options: str = "{}"  # JSON, so that the reference can be hashed
    stored: str | None = None

    @classmethod
    def of(
        cls, data: str | ImageDataset, options: dict[str, Any] | None = None, *, folder: Path, known: bool = True
    ) -> DataReference:
        """Refer to a named data set (which may not be `known` here), or to `data` stored under `folder`."""
        if isinstance(data, ImageDataset):
            return cls(data.name, stored=str(_store(data, folder / "data")))
        if data.startswith(STORED):
            path = folder / "data" / re.sub(r"[^A-Za-z0-9-]", "", data.removeprefix(STORED))  # a name, never a way out
            try:
                return cls(str(_about(path)["name"]), stored=str(path))
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise SelectdisError(
                    f"the stored data set {path} cannot be read: {error}; give the data again"
                ) from None
        recorded = {RECORDED_AS.get(name, name): value for name, value in (options or {}).items()}
        with contextlib.nullcontext() if known else contextlib.suppress(SelectdisError):
            if (newest := options_of(data).get(EDITION)) is not None:
                recorded.setdefault(EDITION, newest)
        return cls(data, json.dumps(recorded, sort_keys=True, default=str))

    @classmethod
    def parse(cls, text: Any, folder: Path) -> DataReference | None:
        """Return the reference that `to_json` wrote for a study in `folder`; None where `text` holds none."""
        try:
            reference = cls(**json.loads(text))
            options = json.loads(reference.options)
        except (TypeError, ValueError, RecursionError):
            return None
        if not (isinstance(reference.name, str) and isinstance(options, dict) and "name" not in options):
            return None
        if reference.stored is None:
            return reference
        # By its name alone: the folder may have been moved since, or come from somebody else.
        own = PurePath(str(reference.stored)).name
        return replace(reference, stored=str(folder / "data" / own)) if own.strip(".") else None

    def to_json(self) -> str:
        """Return what `parse` reads, in this folder of the study or in another place that it is moved to."""
        return json.dumps(vars(self) | {"stored": self.stored and f"data/{Path(self.stored).name}"})

    def load(self) -> ImageDataset:
        """Load the data set, once per process."""
        return _load(self)

    def draw(self) -> ImageDataset:
        """Load the data set; what of it is drawn is drawn once on this machine, and then read from a file."""
        data = self.load()
        data.draw_once()
        return data

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
    try:
        about = _about(path)
        images = _array(path, "images.npy")
        factors, pairs = (
            np.array(_array(path, name)) if own_file(path, name).exists() else None
            for name in ("factors.npy", "pairs.npy")
        )
        return ImageDataset(images=images, factors=factors, listed_pairs=pairs, **about)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SelectdisError(f"the stored data set {path} cannot be read: {error}; give the data again") from None


def _about(path: Path) -> dict[str, Any]:
    """Return what is kept of a stored data set beside its arrays."""
    with open_file(own_file(path.parent.parent, path.parent.name, path.name, "about.json")) as file:
        about = json.loads(file.read())
    fields = ("factor_names", "factor_sizes", "factor_values", "source", "pairs_differ_in", *OF_FILES)
    originals = {"originals": Originals.from_dict(about["originals"])} if "originals" in about else {}
    return {"name": str(about["name"])} | {name: about[name] for name in fields if name in about} | originals


def _array(path: Path, name: str) -> np.ndarray:
    """Return an array of a stored data set, mapped into memory; its header is believed as far as the file goes."""
    return open_npy(own_file(path, name)).array()


def stored_name(data: ImageDataset) -> str:
    """Return the name of the folder that holds `data` where it is stored: one of its own for all that it holds."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', data.name)[:40]}-{data.fingerprint}"


def _store(data: ImageDataset, folder: Path) -> Path:
    path = folder / stored_name(data)
    if own_file(folder.parent, folder.name, path.name, "about.json").exists():  # written last: the rest is there
        return path
    with atomic_write(path / "images.npy") as file:
        images = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(len(data), *data.image_shape))
        for start in range(0, len(data), 4096):
            rows = np.arange(start, min(start + 4096, len(data)))
            images[rows] = data.images_at(rows)
        images.flush()
    for name, array in (("factors.npy", data.factors), ("pairs.npy", data.listed_pairs)):
        if array is not None:
            with atomic_write(path / name) as temporary, temporary.open("wb") as kept:
                np.save(kept, array, allow_pickle=False)
    about: dict[str, Any] = {"name": data.name, "factor_names": data.factor_names, "factor_sizes": data.factor_sizes}
    about |= {"factor_values": data.factor_values}
    about |= {name: value for name in OF_FILES if (value := getattr(data, name))}
    about |= {} if data.originals is None else {"originals": asdict(data.originals)}
    about |= {} if data.pairs_differ_in is None else {"pairs_differ_in": data.pairs_differ_in}
    with atomic_write(path / "about.json") as temporary:
        temporary.write_text(json.dumps(about | {"source": data.source}), encoding="utf-8")
    return path
