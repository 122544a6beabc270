import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.execution import train
from selectdis.training import Candidate, train_cohort
from tests.training.conftest import Images, blobs, mixture, same, small


def test_any_mixture_comes_back_in_order(data):
    candidates = [
        small("factor_vae"),
        small(architecture="conv"),
        small(latents=2),
        small("beta_tc_vae"),
        small(seed=1),
    ]
    runs = train(candidates, data, steps=3, device="cpu")
    assert [run.candidate for run in runs] == candidates
    assert {run.status for run in runs} == {"complete"}
    assert train([], data, steps=3) == []


def test_progress_counts_steps_of_candidates(data):
    seen = []
    train([small(), small(latents=2)], data, steps=30, device="cpu", on_progress=lambda *now: seen.append(now))
    assert seen[-1] == (60, 60)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_curves_have_every_term_and_a_point_at_the_end(data):
    factor, beta, annealed = train(
        [small("factor_vae"), small(), small("annealed_vae")], data, steps=25, curve_every=10
    )
    assert beta.curves["step"].tolist() == [10, 20, 25]
    assert set(beta.curves) == {"step", "loss", "reconstruction", "kl", "kl_per_latent"}
    assert set(factor.curves) - set(beta.curves) == {"tc", "discriminator"}
    assert set(annealed.curves) - set(beta.curves) == {"capacity", "penalty"}
    assert beta.curves["kl_per_latent"].shape == (3, 3)
    np.testing.assert_allclose(beta.curves["kl_per_latent"].sum(1), beta.curves["kl"], rtol=1e-5)
    np.testing.assert_allclose(beta.curves["loss"], beta.curves["reconstruction"] + 4 * beta.curves["kl"], rtol=1e-5)
    # a point is the mean over the steps since the last
    fine = train([small()], data, steps=25, curve_every=1)[0].curves["loss"]
    np.testing.assert_allclose(beta.curves["loss"], [fine[:10].mean(), fine[10:20].mean(), fine[20:].mean()], rtol=1e-5)


def test_training_learns(data):
    (run,) = train([small(strengths={"beta": 1}, width=64)], data, steps=300, device="cpu")
    curve = run.curves["reconstruction"]
    assert curve[-1] < 0.6 * curve[0]


@pytest.mark.slow
def test_processes_give_what_one_process_gives(data):
    large = blobs(n=5000)  # above a megabyte, so that it travels as a memory-map
    candidates = [*mixture()[:4], small(architecture="conv")]
    seen = []
    runs = train(candidates, large, steps=20, device="cpu", n_jobs=2, on_progress=lambda *now: seen.append(now))
    assert seen[-1] == (100, 100)
    assert all(same(a, b) for a, b in zip(runs, train(candidates, large, steps=20, device="cpu"), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be"),
        ({"device": "gpu"}, "device must be"),
        ({"device": "cuda:77"}, "is not there"),
        ({"precision": "fp32"}, "did you mean 'tf32'|precision must be"),
        ({"n_jobs": 0}, "jobs must be"),
    ],
)
def test_mistakes_are_named(data, arguments, message):
    with pytest.raises(SelectdisError, match=message):
        train([small()], data, **({"steps": 2} | arguments))


def test_a_cohort_must_fit_together(data):
    with pytest.raises(SelectdisError, match="must share architecture"):
        train_cohort([small(), small(latents=2)], data, steps=2)
    with pytest.raises(SelectdisError, match="at least one candidate"):
        train_cohort([], data, steps=2)
    conv = Candidate(architecture="conv")
    with pytest.raises(SelectdisError, match="image_size"):
        train_cohort([conv], Images("x", np.zeros((3, 1, 28, 28), np.uint8)), steps=2)


def test_the_old_name_of_n_jobs_works_with_a_hint(data):
    with pytest.warns(FutureWarning, match="jobs= is now n_jobs="), pytest.raises(SelectdisError, match="n_jobs must"):
        train([small()], data, steps=1, jobs=0)
