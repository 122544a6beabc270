"""The ready study files, wherever selectdis came from."""

import re
from pathlib import Path

import pytest

from selectdis.errors import SelectdisError
from selectdis.spec import _ready, read_spec, ready_studies
from setup import WithStudies, absolute_links, readme

ROOT = Path(__file__).parents[2]


def test_one_is_listed_and_copied(call, tmp_path):
    assert "locatello2019-color-dsprites " in call("studies", "list").out
    assert "selectdis run quickstart.yaml" in call("studies", "copy", "quickstart").out
    assert read_spec("quickstart.yaml") == read_spec(ROOT / "studies/quickstart.yaml")
    for arguments, found in ((("quickstart",), "there already"), (("quikstart",), "did you mean")):
        assert found in call("studies", "copy", *arguments).refusal
    with pytest.raises(SelectdisError, match="`selectdis studies copy quickstart` puts it here"):
        read_spec(tmp_path / "studies" / "quickstart.yaml")


def test_a_wheel_holds_them_and_finds_them(tmp_path, monkeypatch):
    from setuptools import Distribution

    monkeypatch.chdir(ROOT)
    build = WithStudies(Distribution({"packages": []}))
    build.initialize_options()
    build.build_lib = str(tmp_path)
    build.finalize_options()
    build.run()
    monkeypatch.setattr(_ready, "PACKAGE", tmp_path / "selectdis")
    found = ready_studies()
    assert {path.name for path in found.values()} == {path.name for path in (ROOT / "studies").glob("*.yaml")}
    assert all(path.is_relative_to(tmp_path) for path in found.values())


def test_links_of_the_readme_lead_somewhere():
    relative = re.findall(r"\]\((?!http|#)([^)]+)\)", (ROOT / "README.md").read_text())
    assert len(relative) > 10
    assert [link for link in relative if not (ROOT / link.partition("#")[0]).exists()] == []
    assert not re.findall(r"\]\((?!https://)", readme())
    assert absolute_links("[a](docs/a.md#b) [c](https://x)", "https://y") == (
        "[a](https://y/blob/main/docs/a.md#b) [c](https://x)"
    )
