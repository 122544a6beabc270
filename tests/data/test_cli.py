from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from selectdis.cli._data import data_app
from selectdis.data import DATASETS
from selectdis.errors import SelectdisError


def run(*arguments: object) -> str:
    result = CliRunner().invoke(data_app, [str(a) for a in arguments], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_list_names_every_data_set() -> None:
    listed = run("list")
    for name in DATASETS:
        assert name in listed


def test_info(pictures: Path) -> None:
    text = run("info", "scenes", "-o", "image_size=16", "--option", "gray=true", "-o", "sizes={scale: 2}")
    assert "5,000 of 16 x 16, grey" in text
    assert "known, a full grid" in text
    assert "floor_tone" in text
    assert "that differ in some factors" in text
    unlabelled = run("info", f"folder:{pictures}")
    assert "unknown" in unlabelled
    assert "none: it has no factors" in unlabelled


def test_pictures_that_are_left_out_are_listed(pictures: Path) -> None:
    (pictures / "bad.png").write_bytes(b"x")
    with pytest.warns(UserWarning, match="left out 1 of 4"):
        text = run("info", f"folder:{pictures}", "--left-out")
    assert "bad.png" in text
    assert "is not a picture" in text
    assert "1 left out, 3 taken" in text


def test_strict_stops_at_a_bad_picture(pictures: Path) -> None:
    (pictures / "bad.png").write_bytes(b"x")
    with pytest.warns(UserWarning, match="left out 1 of 4"):
        run("info", f"folder:{pictures}")
    with pytest.raises(SelectdisError, match="not a picture"):
        run("info", f"folder:{pictures}", "--strict")


def test_preview_writes_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    assert str(out) in run("preview", "digits", "--out", out, "-o", "image_size=16").replace("\n", "")
    with Image.open(out) as sheet:
        assert sheet.width > 700


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "sprits"), "did you mean 'sprites'"),
        (("info", "sprites", "-o", "image_size"), "KEY=VALUE"),
        (("info", "sprites", "-o", "image_size=[3"), "is not YAML"),
        (("info", "sprites", "-o", "image_size=3"), "64, 32 or 16"),
        (("fetch", "sprites"), "nothing to fetch"),
        (("preview", "digits", "--out", "/dev/null/x.png"), "/dev/null is a file"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        run(*arguments)
