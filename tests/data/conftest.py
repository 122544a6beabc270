"""Every test unpacks into a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SELECTDIS_DATA, empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SELECTDIS_DATA", str(folder))
    return folder


@pytest.fixture
def files() -> Path:
    """Small real and made-up files; their README says whence."""
    return Path(__file__).parent / "files"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three colour pictures of different shapes, one of them in a folder below."""
    root = tmp_path / "pictures"
    (root / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in (("a.png", (40, 60, 3)), ("b.jpg", (80, 70, 3)), ("below/c.bmp", (64, 64, 3))):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(root / name)
    return root
