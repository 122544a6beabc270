"""Tables that fit a screen, sentences that are wrapped, one JSON document, and a command line that loads no more."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from selectdis.cli import app
from selectdis.cli.console import Said, Table, boards, print_table, say, show
from selectdis.errors import SelectdisError
from tests.selection.records import make_records

WIDE = pd.DataFrame(
    {
        "candidate": ["beta_vae-7128433d-s1", "beta_vae-2f23f853-s0"],
        "settings": ["beta_tc_vae beta=2 latents=10", "beta_vae beta=4 latents=10"],
        "score": [0.5, 0.25],
        "metric.mig": [0.5, 0.25],
        "metric.sap": [0.125, np.nan],
        "criterion.udr_lasso": [0.75, 0.5],
        "nothing": [np.nan, np.nan],
    }
)


@pytest.fixture
def screen(monkeypatch, capsys):
    """``screen(80)``: from here on, what is printed goes to a terminal of 80 columns."""

    def wide(columns, terminal=True):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr("rich.console.Console.is_terminal", terminal)
        return lambda: capsys.readouterr().out

    return wide


def test_the_command_line_loads_nothing_that_takes_long():
    heavy = ["torch", "pandas", "numpy", "scipy", "optuna", "mlflow", "matplotlib", "yaml", "PIL", "selectdis.study"]
    code = (
        "import sys, typer\nfrom typer.testing import CliRunner\nfrom selectdis.cli import app\n"
        "tree = typer.main.get_command(app)\n"
        "for name in tree.commands: assert CliRunner().invoke(app, [name, '--help']).exit_code == 0, name\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "wanted"), [("selectdis lea", "leaderboard"), ("selectdis data info color_", "color_dsprites")]
)
def test_a_shell_completes_commands_and_data_sets(words, wanted):
    env = {"_SELECTDIS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    assert CliRunner().invoke(app, [], prog_name="selectdis", env=env).output.split() == [wanted]


@pytest.mark.parametrize("columns", [30, 60, 80, 120])
def test_a_table_is_no_wider_than_the_screen_and_says_what_it_lacks(screen, columns):
    out = screen(columns)
    print_table(WIDE, title="a title")
    text = re.sub(r"\x1b\[[0-9;]*m", "", out())
    assert max(map(len, text.splitlines())) <= columns
    assert "beta_vae-7128433d-s1" in text  # names are whole, whatever it costs
    for name in ("mig", "sap", "udr_lasso", "settings"):
        assert name in text, name  # in the table, or as what it lacks
    assert "nothing" not in text
    assert ("no room for" in text) == (columns < 80)


def test_of_two_columns_with_the_same_numbers_one_is_shown(screen):
    out = screen(120)
    print_table(WIDE, title="")
    text = out()
    assert "mig: the same numbers as score" in text
    assert text.count("0.25") == 1


def test_columns_of_equal_counts_are_both_shown(screen):
    out = screen(80)
    print_table(pd.DataFrame({"rank": [1.0, 2.0], "seeds": [1.0, 2.0]}), title="")
    assert "same numbers" not in out()


def test_sentences_are_wrapped_between_words_on_a_screen_and_whole_in_a_pipe(screen):
    sentence = "The rule [win_rate] of the average run beats nothing at all."
    out = screen(30, terminal=False)
    say(sentence, "Trust:")
    assert out() == f"Trust: {sentence}\n"
    out = screen(30)
    say(sentence, "Trust:")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out()).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 30
    assert " ".join(lines) == f"Trust: {sentence}"


def test_json_holds_whole_tables_and_what_is_said(capsys):
    show([Table("runs", WIDE, "title"), Said("note", "a note"), Said("", "for the eye"), Said("n", "", np.int64(3))],
         as_json=True)  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["runs", "note", "n"]
    assert found["runs"][1]["metric.sap"] is None
    assert found["runs"][0]["criterion.udr_lasso"] == 0.75
    assert found["note"] == "a note"
    assert found["n"] == 3


def test_columns_are_chosen_in_a_users_words(capsys):
    tables = [Table("runs", WIDE, "one"), Table("others", WIDE[["settings"]], "two")]
    show(tables, columns="udr_lasso, metric.mig", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "runs": [
            {"criterion.udr_lasso": 0.75, "metric.mig": 0.5},
            {"criterion.udr_lasso": 0.5, "metric.mig": 0.25},
        ]
    }
    with pytest.raises(SelectdisError, match=r"there is no column 'mgi'; did you mean 'mig'\?"):
        show(tables, columns="mgi")


def test_a_board_says_how_to_see_its_other_columns(capsys):
    board = pd.DataFrame({"dataset": "sprites", "rank": [1], "metric.mig": [0.5], "metric.irs": [0.25], "pick": [1]})
    show(boards(board, name="proxy", title="proxy"))
    text = capsys.readouterr().out
    assert "2 more columns" in text
    assert "yes" in text  # the pick
    assert "irs" not in text
    show(boards(board, name="proxy", title="proxy"), columns="all")
    assert "irs" in capsys.readouterr().out


def test_backtest_and_analyze_answer_in_json(tmp_path, call):
    make_records(2, 6, 3, rng=np.random.default_rng(0)).to_csv(tmp_path / "records.csv", index=False)
    said = call("backtest", "records.csv", "--bootstrap", 2, "--rule", "any > udr_lasso", "--json")
    found = json.loads(said.out)
    assert found["rules"][0]["rule"]
    assert 0 <= found["rules"][0]["p_beats_random"] <= 1
    assert found["trust"][0]["decision"]
    said = call("analyze", "records.csv", "--columns", "score,dataset", "--json")
    assert {key for row in json.loads(said.out)["variance"] for key in row} == {"score", "dataset"}


@pytest.mark.parametrize("name", ["leaderboard", "backtest", "analyze", "arena", "pick", "transfer", "data info"])
def test_what_a_command_finds_can_be_had_as_json_and_by_column(name):
    command = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    assert {"as_json", "columns"} <= {parameter.name for parameter in command.params}
