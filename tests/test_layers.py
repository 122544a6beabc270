"""Imports run downwards only and in no circle, rooms are small, and the array packages load nothing heavy."""

import ast
import inspect
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "selectdis"
# From the bottom up: a module imports from its own room and from the layers below it.
LAYERS = [
    {"errors", "_arrays", "_factors", "_files", "_plugins", "_progress", "_redaction", "_signals"},
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
GROUND = LAYERS[0]  # single modules, which may use each other
TOP = {"", "_moved", "__main__"}  # the package itself, its old names and its entry; nobody imports from them
HEAVY = {"torch", "optuna", "mlflow"}
NO_HEAVY = {"metrics", "criteria", "records", "selection"}
# What reaches up or out by name, and why it may.
DOORS = {
    ("_plugins", "entry_points"): "parts of other packages",
    ("_plugins", "import_module"): "the modules that a study file names",
    ("_plugins", "find_spec"): "whether such a module lies beside the file",
    ("study", "selectdis.visualization"): "study.plot: figures stand above the study that they show",
    ("study", "entry_points"): "listeners of other packages, and the tracker, which stands above the study",
    ("cli", "entry_points"): "whether this installation has the pages that `ui` has MLflow serve",
    ("tracking", "entry_points"): "whether MLflow has the store that an address asks for",
}
BY_NAME = {"import_module", "__import__", "resolve_name", "find_spec", "find_loader", "run_module", "entry_points"}
LARGEST_ROOM = 17
ONE_PUBLIC_THING_A_FILE = {
    "cli",
    "metrics",
    "criteria",
    "objectives",
    "data/drawn",
    "data/public",
    "data/own",
    "data/reading",
}


class Import(NamedTuple):
    """One import: of a module of ours or of somebody else's, by statement or by name, for types only or not."""

    module: str
    by_name: bool = False
    typing: bool = False


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(("selectdis", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in FILES
}
NAMES = {path: name for name, path in MODULES.items()}


def room_of(module):
    return module.partition(".")[2].partition(".")[0]


def our_module(name):
    """The longest beginning of a dotted name that is a module of ours."""
    parts = name.split(".")
    return next((own for end in range(len(parts), 0, -1) if (own := ".".join(parts[:end])) in MODULES), name)


@cache
def imports(path):
    """Every import anywhere in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    return [
        Import(module, by_name, id(node) in typing)
        for node in ast.walk(tree)
        for module, by_name in [*((m, False) for m in statement(path, node)), *((m, True) for m in named(path, node))]
    ]


def statement(path, node):
    if isinstance(node, ast.Import):
        return [our_module(alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{path}: relative import"
        return [our_module(f"{node.module}.{alias.name}") for alias in node.names]
    return []


def named(path, node):
    """Modules that are called by a string, and calls that import what no literal names."""
    lazy = path.name == "__init__.py"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        dotted = re.fullmatch(r"selectdis((?:\.\w+)+)(:\w+)?", node.value)
        if dotted and room_of(node.value) in LEVEL and node.value != NAMES[path].rpartition(".")[0]:  # as for its data
            return [our_module(f"selectdis{dotted[1]}")]
        own = f"{NAMES[path]}.{node.value}"
        return [own] if lazy and own in MODULES else []  # a lazy name's home in the same package
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in BY_NAME:
        function, argument = ast.unparse(node.func).split(".")[-1], node.args[0] if node.args else None
        if lazy and isinstance(argument, ast.JoinedStr) and ast.unparse(argument).startswith("f'{__name__}."):
            return []
        if function == "entry_points" or not isinstance(argument, ast.Constant):
            return [function]
        return [] if argument.value.startswith("selectdis") else [argument.value]  # ours is seen as a string
    return []


def through_a_door(importer, found):
    return found.by_name and any(room_of(importer) == room and found.module.startswith(door) for room, door in DOORS)


def may_import(importer, found):
    """Whether the arrows allow it."""
    own, other = room_of(importer), room_of(found.module)
    if own in TOP or through_a_door(importer, found):
        return True
    if not found.module.startswith("selectdis"):
        return found.module not in BY_NAME
    return own == other or {own, other} <= GROUND or (other in LEVEL and LEVEL[other] < LEVEL[own])


def test_every_layer_is_known():
    assert {room_of(module) for module in MODULES} | GROUND == set(LEVEL) | TOP


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    forbidden = [found for found in imports(path) if not may_import(NAMES[path], found)]
    assert not forbidden, f"{NAMES[path]} must not import {forbidden}"


def test_no_circle():
    graph = {
        module: {found.module for found in imports(path) if not found.typing and not through_a_door(module, found)}
        for module, path in MODULES.items()
        if module != "selectdis._moved"  # what it names is imported by old imports alone, never by ours
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(reversed(circle.args[1])))


def test_only_the_package_knows_its_old_names():
    users = {NAMES[path] for path in FILES if any(found.module == "selectdis._moved" for found in imports(path))}
    assert users == {"selectdis"}


def test_rooms_are_small_and_their_files_private():
    for folder in {path.parent for path in FILES} - {PACKAGE}:
        room, files = str(folder.relative_to(PACKAGE)), [f for f in folder.glob("*.py") if f.name != "__init__.py"]
        assert not [file.name for file in files if not file.name.startswith("_")], f"{room}: import from the package"
        assert room in ONE_PUBLIC_THING_A_FILE or len(files) <= LARGEST_ROOM, f"{room} holds {len(files)} files"


def test_array_packages_import_no_heavy_library():
    for path in FILES:
        heavy = {found.module.split(".")[0] for found in imports(path) if not found.typing} & HEAVY
        assert not (room_of(NAMES[path]) in NO_HEAVY and heavy), f"{NAMES[path]} must not import {heavy}"


@pytest.mark.parametrize("package", [*sorted(NO_HEAVY), "data", "objectives", "spec", "scoring", "execution"])
def test_array_packages_load_no_heavy_library(package):
    code = f"import sys, selectdis.{package}; print(sorted({HEAVY} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_arrays_load_no_scikit_learn_before_it_is_used():
    code = "import sys, selectdis.metrics, selectdis.criteria, selectdis.selection as s; s.backtest; "
    code += "print(sorted({'sklearn', 'scipy.stats', 'scipy.optimize'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_only_tracking_imports_mlflow_and_only_study_imports_optuna():
    for library, homes in {"mlflow": {"tracking"}, "optuna": {"study"}}.items():
        using = [path for path in FILES if library in {found.module.split(".")[0] for found in imports(path)}]
        users = {room_of(NAMES[path]) for path in using}
        assert users <= homes, f"{library} is imported in {users - homes}"


def optuna_private_names():
    """Attributes and methods of Optuna's own classes that no documentation promises."""
    modules = ["study.study", "trial._trial", "trial._frozen", "storages._base", "storages._cached_storage"]
    modules += ["storages._rdb.storage", "storages.journal._storage", "storages.journal._file", "samplers._base"]
    sources = [inspect.getsource(import_module(f"optuna.{name}")) for name in modules]
    return {name for source in sources for name in re.findall(r"(?:self\.|def )(_[a-z]\w*)", source)}


def test_private_names_of_optuna_stand_in_one_file():
    private = optuna_private_names()
    assert {"_storage", "_trial_id", "_backend", "_suggest"} <= private
    for path in FILES:
        used = {found.module for found in imports(path) if re.match(r"optuna\b.*\._[a-z]", found.module)}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
                used |= {node.attr} & private
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
                used |= {name.value for name in node.args[1:2] if isinstance(name, ast.Constant)} & private
        if any(found.module.split(".")[0] == "optuna" for found in imports(path)):
            assert not used or NAMES[path] == "selectdis.study.persistence._optuna", (
                f"{NAMES[path]} uses {sorted(used)}"
            )


def test_the_top_level_folder_mlflow_does_not_shadow_the_library():
    code = "import mlflow; print(mlflow.__file__)"
    root = PACKAGE.parent
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert printed.strip().endswith("__init__.py")
    assert not list((root / "mlflow").rglob("*.py"))
