"""Every old name works for one release, and says once where it went."""

import subprocess
import sys
import warnings
from importlib import import_module
from pkgutil import resolve_name

import cloudpickle
import pytest

import selectdis as sd
from selectdis._moved import MOVED
from selectdis.errors import OldNameWarning


def python(code, *options):
    """What a fresh interpreter prints, warnings included."""
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("old", MOVED)
def test_every_old_name_leads_to_what_it_is_now(old):
    room, _, name = f"selectdis.{old}".rpartition(".")
    new = resolve_name(f"selectdis.{MOVED[old]}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OldNameWarning)
        if isinstance(new, type(sys)):
            found = import_module(f"selectdis.{old}")
            held = getattr(new, "__all__", None) or [name for name in vars(new) if not name.startswith("__")]
            assert all(getattr(found, name) is getattr(new, name) for name in held)
        else:
            assert getattr(import_module(room), name) is new


def test_an_old_import_does_not_hide_the_function_of_its_name():
    code = """
from selectdis.metrics.mig import mig
import selectdis.metrics.mig, selectdis as sd
from selectdis.metrics import mig as again
assert callable(mig) and mig is again is sd.metrics.mig is selectdis.metrics._mig.mig
"""
    said = python(code)
    assert said.count("selectdis.metrics.mig is an old name, gone in 0.3: use selectdis.metrics") == 1
    assert "<string>:2: OldNameWarning" in said  # the user's line
    assert "Traceback" not in said


USES = {
    "import selectdis.evaluation; selectdis.evaluation.evaluate; import selectdis.evaluation": "selectdis.scoring",
    "import selectdis; selectdis.saved.load_codes; selectdis.saved": "selectdis.scoring",
    "from selectdis.selection import by_mean_rank": "selectdis.selection.by_win_rate",
    "import selectdis as sd; sd.data.sprites": "selectdis.data.drawn",
    "from selectdis.training import train, Run; from selectdis.training import train": "selectdis.execution.train",
    "from selectdis.report.figures import StudyPlots": "selectdis.visualization",
    "from selectdis.study.job import model_path, CohortJob": "selectdis.execution",
}


def test_one_hint_an_old_name():
    code = f"""
import warnings
for use in {list(USES)}:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        exec(use)
    print(*(f"{{hint.category.__name__}} {{hint.message}}" for hint in said), sep="; ")
"""
    for line, home in zip(python(code).splitlines(), USES.values(), strict=True):
        assert line.count("OldNameWarning") == 1
        assert line.endswith(f"is an old name, gone in 0.3: use {home}")


def test_new_names_say_nothing_and_unknown_ones_are_errors():
    assert python("import selectdis, selectdis.scoring, selectdis.training._run", "-W", "error") == ""
    assert "ModuleNotFoundError" in python("import selectdis.metrics.nothing")
    with pytest.raises(AttributeError, match=r"module 'selectdis.metrics' has no attribute 'nothing'"):
        _ = sd.metrics.nothing


def test_the_command_line_shows_the_hint():
    code = """
import sys, warnings
import selectdis.cli as cli
cli.app = lambda: (warnings.warn("a library's", FutureWarning), __import__("selectdis.evaluation"))
cli.main()
"""
    assert python(code).strip() == "warning: selectdis.evaluation is an old name, gone in 0.3: use selectdis.scoring"


def test_functions_that_use_the_packages_are_sent_to_processes():
    assert cloudpickle.loads(cloudpickle.dumps((sd, sd.metrics))) == (sd, sd.metrics)
