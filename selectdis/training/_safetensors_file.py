"""Arrays and a description in one safetensors file: written whole or not at all, checked when read, never unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from selectdis._files import Writer, atomic_write, open_file
from selectdis.errors import SelectdisError

__all__ = ["WRITE_ERRORS", "DamagedFileError", "read_description", "read_file", "write_file"]

KEY, DIGEST = "selectdis", "sha256"  # keys of the safetensors metadata
LONGEST_HEADER = 2**26  # bytes; names and shapes of a cohort take some kilobytes
WRITE_ERRORS = (OSError, SafetensorError)


class DamagedFileError(SelectdisError):
    """A file that is not whole, or never was one of ours."""


def write_file(
    path: Path, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any], writer: Writer = atomic_write
) -> None:
    """Write `arrays` and `description` (JSON) to `path`: whole or not at all.

    Raises
    ------
    OSError, SafetensorError
        If the disk refuses; `path` is then as it was before.
    """
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(description, sort_keys=True, allow_nan=False)
    metadata = {KEY: text, DIGEST: _digest(solid, text)}
    with writer(path) as temporary:
        safetensors.numpy.save_file(solid, temporary, metadata)


def read_file(path: Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the description of a file of a kind (`description["kind"]`), checked against its digest.

    Raises
    ------
    SelectdisError
        If the file is missing, damaged, of another kind, or not written by selectdis.
    """
    try:
        with open_file(path) as file:
            content = file.read()
    except OSError as error:
        raise SelectdisError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        arrays = safetensors.numpy.load(content)
        text, digest = _metadata(content)
        description = json.loads(text)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{path} is not a whole selectdis {kind} file ({type(error).__name__})") from None
    if not isinstance(description, dict) or description.get("kind") != kind:
        raise SelectdisError(f"{path} does not hold a selectdis {kind}; give a file that selectdis saved as one")
    if digest != _digest(arrays, text):
        raise DamagedFileError(f"{path} is damaged: its content does not match its checksum; restore or remove it")
    return arrays, description


def read_description(path: Path, kind: str) -> dict[str, Any]:
    """Return the description alone, without a look at the arrays; see `read_file`."""
    try:
        with open_file(path) as file:
            length = file.read(8)
            head = length + file.read(min(int.from_bytes(length, "little"), LONGEST_HEADER))
        description = json.loads(_metadata(head)[0])
    except OSError as error:
        raise SelectdisError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{path} is not a whole selectdis {kind} file ({type(error).__name__})") from None
    if not isinstance(description, dict) or description.get("kind") != kind:
        raise SelectdisError(f"{path} does not hold a selectdis {kind}; give a file that selectdis saved as one")
    return description


def _metadata(content: bytes) -> tuple[str, str]:
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    text, digest = metadata[KEY], metadata[DIGEST]
    if not (isinstance(text, str) and isinstance(digest, str)):
        raise TypeError("metadata must be text")
    return text, digest


def _digest(arrays: Mapping[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
