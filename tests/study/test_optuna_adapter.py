"""What Optuna's documentation does not promise stays in one file."""

import ast
from pathlib import Path

import pytest

import selectdis.study

FILES = [path for path in Path(selectdis.study.__file__).parent.glob("*.py") if path.name != "_optuna.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_other_file_uses_private_names_of_an_object(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("_") and n.attr[1] != "_"]
    foreign = [node for node in used if not (isinstance(node.value, ast.Name) and node.value.id == "self")]
    assert [f"line {node.lineno}: {ast.unparse(node)}" for node in foreign] == []
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [module for module in modules if module.startswith("optuna.") and "._" in module]
    assert "system_attrs" not in path.read_text(encoding="utf-8")
