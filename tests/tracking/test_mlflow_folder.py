"""The folder `mlflow/` serves the tracking, and must not stand in for the package of that name."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "mlflow"


@pytest.mark.parametrize("how", [["-c", "import mlflow; print(mlflow.__file__)"], ["-m", "mlflow", "--version"]])
def test_the_package_wins(how):
    done = subprocess.run([sys.executable, *how], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "None" not in done.stdout
    if "-c" in how:
        assert Path(done.stdout.strip()).name == "__init__.py"
        assert FOLDER not in Path(done.stdout.strip()).parents


def test_no_python_in_it():
    assert not list(FOLDER.rglob("*.py"))


def test_the_server_is_not_open_to_the_network_and_has_no_password_in_it():
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert {"mlflow", "postgres"} <= compose["services"].keys()
    for service in compose["services"].values():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:")
    text = (FOLDER / "compose.yaml").read_text()
    assert "POSTGRES_PASSWORD:?" in text  # from the environment, and an error without it
    used = {name for name in ("POSTGRES_PASSWORD",) if name in text}
    assert used <= set((FOLDER / ".env.example").read_text().replace("=", " ").split())
    assert ".env" in (FOLDER / ".gitignore").read_text().split()


def test_the_project_has_entry_points_that_the_command_line_knows():
    from typer.testing import CliRunner

    from selectdis.cli import app

    project = yaml.safe_load((FOLDER / "MLproject").read_text())
    for entry in project["entry_points"].values():
        words = entry["command"].split()
        assert words[0] == "selectdis"
        assert CliRunner().invoke(app, [words[1], "--help"]).exit_code == 0
    environment = yaml.safe_load((FOLDER / project["python_env"]).read_text())
    assert environment["dependencies"]
