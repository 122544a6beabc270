"""The command line called within this process: a subprocess costs seconds."""

import sys
import warnings
from typing import NamedTuple

import pytest

from selectdis.cli import main
from tests.light_trust import light_trust

__all__ = ["light_trust"]


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def refusal(self):
        """The one sentence of a call that was refused."""
        assert self.code == 2, self
        assert "Traceback" not in self.err
        return " ".join(self.err.split())


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """``call("score", "both.npz")`` in an empty folder -> what it said."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments):
        capsys.readouterr()
        code = 0
        monkeypatch.setattr(sys, "argv", ["selectdis", *map(str, arguments)])
        with warnings.catch_warnings():
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
        return Said(code, *capsys.readouterr())

    return called
