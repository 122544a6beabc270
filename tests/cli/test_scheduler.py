"""A Dask scheduler's address that is none: one sentence, and the command ends."""

import pytest
import yaml

from .test_commands import STUDY, selectdis

pytest.importorskip("distributed")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("foo", "no Dask scheduler answers at foo, which is no address (missing port number"),
        ("tls://127.0.0.1:1", "cannot talk to tls://127.0.0.1:1: TLS expects"),
    ],
)
def test_an_address_that_cannot_be_talked_to(tmp_path, address, message):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(STUDY))
    said = selectdis("run", "tiny.yaml", "--quiet", "--scheduler", address, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {message}")
    assert said.stderr.strip().count("\n") == 0  # nothing that a half-made client says when the process ends
