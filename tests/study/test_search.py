"""From a search space to configurations and back."""

import optuna
import pytest

from selectdis.spec import SearchSpec, check_spec
from selectdis.study._search import balanced_order, candidate_from, make_sampler, params_of, starting_points
from tests.study.fakes import spec

SPACE = {
    "objective": {
        "beta_vae": {"beta": {"low": 1, "high": 16, "log": True}},
        "dip_vae_i": {"lambda_od": [1, 10]},
    },
    "latents": [4, 6],
    "learning_rate": {"low": 1e-4, "high": 1e-2},
}


def search(**changes):
    return SearchSpec(**{**SPACE, "sampler": "qmc", "trials": 8, **changes})


def test_a_grid_is_every_combination():
    space = search(sampler="grid", trials=None, objective={"beta_vae": {"beta": [1, 2]}}, learning_rate=1e-3)
    pairs = [(params["latents"], params["beta_vae.beta"]) for params in starting_points(space)]
    assert pairs == [(4, 1), (4, 2), (6, 1), (6, 2)]
    assert len(starting_points(space.model_copy(update={"trials": 3}))) == 3


def test_every_beginning_of_a_grid_is_balanced_and_the_seed_draws_the_order():
    strengths = {"beta_vae": {"beta": [1, 2, 4, 8]}, "dip_vae_i": {"lambda_od": [1, 2, 5, 10]}}
    space = search(sampler="grid", trials=None, objective=strengths, learning_rate=[1e-4, 1e-3])
    points = starting_points(space)
    order = balanced_order(points, 0)
    assert sorted(order) == list(range(32))
    assert order == balanced_order(points, 0) != balanced_order(points, 1)
    for count in range(1, 33):
        begun = [points[i] for i in order[:count]]
        for name, values in {"objective": strengths, "latents": [4, 6], "learning_rate": [1e-4, 1e-3]}.items():
            each = [sum(point[name] == value for point in begun) for value in values]
            assert max(each) - min(each) <= 2
        for objective, own in strengths.items():
            ((name, values),) = own.items()
            each = [sum(point.get(f"{objective}.{name}") == value for point in begun) for value in values]
            assert max(each) - min(each) <= 2
    assert balanced_order([], 0) == []


@pytest.mark.parametrize("sampler", ["qmc", "random"])
def test_points_depend_on_the_seed_alone_and_more_of_them_go_on(sampler):
    points = starting_points(search(sampler=sampler))
    assert len(points) == 8
    assert points == starting_points(search(sampler=sampler))
    assert points != starting_points(search(sampler=sampler, seed=1))
    assert starting_points(search(sampler=sampler, trials=12))[:8] == points


def test_points_lie_in_the_space_and_spread_over_it():
    points = starting_points(search(trials=64))
    assert {point["objective"] for point in points} == set(SPACE["objective"])
    betas = [point["beta_vae.beta"] for point in points if point["objective"] == "beta_vae"]
    assert all(1 <= beta <= 16 for beta in betas)
    assert sum(beta < 4 for beta in betas) == pytest.approx(len(betas) / 2, abs=2)  # half of a logarithmic range
    assert all(("beta_vae.beta" in point) == (point["objective"] == "beta_vae") for point in points)


@pytest.mark.parametrize(("trials", "count"), [(30, 5), (3, 3)])
def test_a_model_based_sampler_starts_spread_out(trials, count):
    start = starting_points(search(sampler="tpe", startup=5, trials=trials))
    assert start == starting_points(search(trials=count))


def test_what_a_sampler_knows_already_takes_the_place_of_starting_points():
    space = search(sampler="tpe", startup=5, trials=30)
    assert starting_points(space, 2) == starting_points(space)[:3]
    assert starting_points(space, 7) == []


def test_each_trial_has_random_numbers_of_its_own():
    samplers = [make_sampler(search(sampler="tpe"), number=n) for n in (0, 1, 1)]
    draws = [optuna.create_study(sampler=sampler).ask().suggest_float("x", 0, 1) for sampler in samplers]
    assert draws[0] != draws[1] == draws[2]


def test_a_record_leads_back_to_its_configuration():
    description = check_spec(spec(search={**SPACE, "sampler": "qmc", "trials": 8}))
    for params in starting_points(description.search):
        candidate = candidate_from(params, description, seed=3)
        assert candidate.seed == 3
        record = {**candidate.to_dict(), **{f"strength.{k}": v for k, v in candidate.strengths.items()}}
        assert params_of(record, description.search) == params
        assert params_of(record | {"latents": 5}, description.search) is None
        assert params_of(record | {"objective": "factor_vae"}, description.search) is None
