import subprocess
import sys

import pytest

from selectdis.errors import SelectdisError
from selectdis.objectives import OBJECTIVES


def test_grids_of_the_papers():
    assert {name: objective.grid for name, objective in OBJECTIVES.items()} == {
        "beta_vae": (1, 2, 4, 6, 8, 16),
        "annealed_vae": (5, 10, 25, 50, 75, 100),
        "factor_vae": (10, 20, 30, 40, 50, 100),
        "dip_vae_i": (1, 2, 5, 10, 20, 50),
        "dip_vae_ii": (1, 2, 5, 10, 20, 50),
        "beta_tc_vae": (1, 2, 4, 6, 8, 10),
        "qlae": (0.001, 0.01),
        "ada_gvae": (1, 2, 4, 6, 8, 16),
        "ada_ml_vae": (1, 2, 4, 6, 8, 16),
    }
    assert OBJECTIVES["annealed_vae"].complete({}) == {"gamma": 1000.0, "c_max": 25.0, "iterations": 100_000.0}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_objective_knows_its_name_and_main_strength(name):
    assert OBJECTIVES[name].name == name
    assert OBJECTIVES[name].main in OBJECTIVES[name].defaults
    assert OBJECTIVES[name].paper


def test_dip_vae_weights_follow_the_off_diagonal_one():
    assert OBJECTIVES["dip_vae_i"].complete({"lambda_od": 2}) == {"lambda_od": 2.0, "lambda_d": 20.0}
    assert OBJECTIVES["dip_vae_ii"].complete({"lambda_od": 2}) == {"lambda_od": 2.0, "lambda_d": 2.0}
    assert OBJECTIVES["dip_vae_i"].complete({"lambda_d": 7})["lambda_d"] == 7.0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "much", None])
def test_a_strength_is_a_finite_number(value):
    with pytest.raises(SelectdisError, match="beta of beta_vae must be a finite number"):
        OBJECTIVES["beta_vae"].complete({"beta": value})


def test_an_unknown_strength_names_the_nearest():
    with pytest.raises(SelectdisError, match="did you mean 'lambda_od'"):
        OBJECTIVES["dip_vae_i"].complete({"lambda_of": 1.0})


def test_candidates_and_objectives_do_not_load_torch():
    code = "import sys, selectdis.objectives, selectdis.training as t; t.Candidate();sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
