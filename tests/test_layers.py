"""Imports run downwards only, and the array packages load nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "selectdis"
# From the bottom up: a module imports from its own layer and from those below it.
LAYERS = [
    {"errors", "_arrays", "_files", "_redaction"},
    {"data"},
    {"models", "objectives"},
    {"metrics", "criteria"},
    {"training"},
    {"records"},
    {"selection"},
    {"spec"},
    {"scoring"},
    {"execution"},
    {"study"},
    {"visualization"},
    {"report", "tracking"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
NOT_IN = {room: {"torch", "optuna", "mlflow"} for room in ("metrics", "criteria", "records", "selection")}


def imports(path):
    """Every module that `path` imports anywhere in its code, type checking blocks aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "selectdis":
                yield from (f"selectdis.{alias.name}" for alias in node.names)


def layer_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def test_every_layer_is_known():
    assert {layer_of(path) for path in FILES} == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    own = LEVEL[layer_of(path)]
    for module in imports(path):
        root, *rest = module.split(".")
        assert root not in NOT_IN.get(layer_of(path), set()), f"{layer_of(path)} must not import {root}"
        if root == "selectdis" and rest:
            assert LEVEL[rest[0]] <= own, f"{layer_of(path)} must not import {module}"


@pytest.mark.parametrize("package", ["metrics", "criteria", "records", "selection", "data", "scoring"])
def test_array_packages_load_no_heavy_library(package):
    code = f"import sys, selectdis.{package}; print(sorted({{'torch', 'optuna', 'mlflow'}} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_only_tracking_imports_mlflow_and_only_study_imports_optuna():
    for library, homes in {"mlflow": {"tracking"}, "optuna": {"study"}}.items():
        users = {layer_of(path) for path in FILES if any(module.split(".")[0] == library for module in imports(path))}
        assert users <= homes, f"{library} is imported in {users - homes}"


def test_the_top_level_folder_mlflow_does_not_shadow_the_library():
    code = "import mlflow; print(mlflow.__file__)"
    root = PACKAGE.parent
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert printed.strip().endswith("__init__.py")
    assert not list((root / "mlflow").rglob("*.py"))
