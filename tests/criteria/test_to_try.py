"""Criteria that only the arena computes: against slow formulas, and on what they are to tell apart."""

import itertools

import numpy as np
import pytest
from scipy.stats import ortho_group

from selectdis import criteria
from selectdis.criteria import TO_TRY, TrainedRun
from selectdis.errors import SelectdisError

JACOBIANS = np.random.default_rng(0).normal(size=(3, 20, 4))


def gram(jacobians):
    return np.einsum("pxa,pxb->pab", jacobians, jacobians)


def test_factorised_support_by_loops_over_all_points():
    codes = np.random.default_rng(0).normal(size=(9, 3))
    z = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    total = 0.0
    for i, j in itertools.combinations(range(3), 2):
        total += max(
            min(np.hypot(z[a, i] - z[k, i], z[b, j] - z[k, j]) for k in range(9))
            for a, b in itertools.product(range(9), repeat=2)
        )
    assert criteria.factorised_support(codes) == pytest.approx(total)
    assert criteria.factorised_support(codes * [1, 5, 0.1] + 3) == pytest.approx(total)
    assert criteria.factorised_support(codes, active=[True, False, True]) < total
    assert criteria.factorised_support(codes, batch=4) != pytest.approx(total)


def test_factorised_support_of_a_grid_is_0_though_its_factors_are_correlated():
    grid = np.array(list(itertools.product(range(4), repeat=2)), dtype=float)
    skewed = np.concatenate([grid, np.repeat([[0.0, 0.0], [3.0, 3.0]], 20, axis=0)])
    assert criteria.factorised_support(skewed) == pytest.approx(0)
    assert criteria.factorised_support(grid @ ortho_group.rvs(2, random_state=0)) > 0.3


def test_mechanisms_and_orthogonality_by_loops_over_columns():
    contrasts, cosines = [], []
    for j in JACOBIANS:
        logs = sum(np.log(np.linalg.norm(j[:, a])) for a in range(4))
        contrasts.append(logs - np.log(np.linalg.det(j.T @ j)) / 2)
        norms = np.linalg.norm(j, axis=0)
        cosines.append(
            np.mean([abs(j[:, a] @ j[:, b]) / norms[a] / norms[b] for a, b in itertools.combinations(range(4), 2)])
        )
    assert criteria.independent_mechanisms(gram(JACOBIANS)) == pytest.approx(np.mean(contrasts))
    assert criteria.jacobian_orthogonality(gram(JACOBIANS)) == pytest.approx(np.mean(cosines))


@pytest.mark.parametrize("score", [criteria.independent_mechanisms, criteria.jacobian_orthogonality])
def test_orthogonal_columns_of_any_length_score_0_and_flat_ones_do_not_count(score):
    columns = ortho_group.rvs(20, random_state=0)[:, :4] * [1.0, 10.0, 0.1, 3.0]
    assert score(gram(columns[np.newaxis])) == pytest.approx(0, abs=1e-9)
    flat = JACOBIANS.copy()
    flat[..., 2] = 0
    without = [True, True, False, True]
    assert score(gram(flat)) == pytest.approx(score(gram(JACOBIANS), active=without)) != score(gram(JACOBIANS))
    twice = JACOBIANS[..., [0, 1, 0]]
    assert np.isfinite(score(gram(twice)))  # a latent that does what another one does
    assert score(gram(twice)) > 2 * score(gram(JACOBIANS))
    with pytest.raises(SelectdisError, match="gram must be"):
        score(JACOBIANS)


def test_a_run_with_one_active_latent_has_none():
    rng = np.random.default_rng(0)
    active = np.array([True, True, True, False])
    run = TrainedRun(rng.normal(size=(50, 4)), np.zeros((50, 4)), np.ones(4), active, gram(JACOBIANS))
    for name, criterion in TO_TRY.items():
        assert criterion.compute(run)[name] > 0
        lone = TrainedRun(run.mean, run.log_variance, run.kl, np.arange(4) == 1, run.gram)
        assert np.isnan(criterion.compute(lone)[name])
        assert (criterion.name, criterion.higher_is_better) == (name, False)
