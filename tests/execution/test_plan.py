from dataclasses import replace
from functools import partial

import pytest

from selectdis.errors import SelectdisError
from selectdis.execution import cohort_size
from selectdis.execution._plan import candidate_bytes, plan_cohorts, worker_count
from selectdis.models import ARCHITECTURES
from selectdis.training import Candidate
from tests.training.conftest import small

SHAPE = (1, 16, 16)


def plan(candidates, n_jobs=1, interrupted=()):
    return plan_cohorts(candidates, SHAPE, device="cpu", n_jobs=n_jobs, interrupted=interrupted)


def test_cohorts_on_cpu():
    assert cohort_size(Candidate(), (1, 64, 64), 50, "cpu") == 1
    assert cohort_size(small(width=128), SHAPE, 50, "cpu") == 16
    assert cohort_size(small(width=128), SHAPE, 5, "cpu") == 5
    assert cohort_size(Candidate(architecture="fc"), (1, 64, 64), 50, "cpu") == 1


def test_a_plan_shares_the_work():
    candidates = [small(seed=seed, width=128) for seed in range(10)] + [small(architecture="conv")] * 3
    cohorts = plan(candidates, n_jobs=2)
    assert sorted(i for cohort in cohorts for i in cohort) == list(range(13))
    assert [len(cohort) for cohort in cohorts] == [5, 5, 1, 1, 1]
    assert worker_count(-1) >= 1
    with pytest.raises(SelectdisError, match=r"n_jobs must be .* one per core"):
        worker_count(0)


@pytest.mark.parametrize(("n_jobs", "sizes"), [(1, [5, 5, 5]), (2, [3, 4, 4, 4]), (8, [1, 2, 2, 2, 2, 2, 2, 2])])
def test_what_may_have_to_end_is_cut_in_parts_that_are_not_too_small(n_jobs, sizes):
    candidates = [small(seed=seed, width=128) for seed in range(15)]
    cohorts = plan_cohorts(candidates, SHAPE, device="cpu", n_jobs=n_jobs, in_parts=True)
    assert [len(cohort) for cohort in cohorts] == sizes
    on_cuda = plan_cohorts(candidates[:3], SHAPE, device="meta", n_jobs=1, in_parts=True)
    assert [len(cohort) for cohort in on_cuda] == [3]


def test_interrupted_cohorts_come_first_and_as_they_were():
    candidates = [small(seed=seed) for seed in range(6)]
    ids = [candidate.id for candidate in candidates]
    waiting = [[ids[4], ids[1]], [ids[0], "another-s0"], [], [ids[1], ids[2]], [ids[5], ids[5]]]
    assert plan(candidates, interrupted=waiting) == [[4, 1], [0, 2, 3, 5]]
    assert plan(candidates, n_jobs=2, interrupted=waiting) == [[4, 1], [0, 2], [3, 5]]


def test_of_equal_candidates_each_is_trained_once():
    candidates = [small(), small(seed=1), small()]
    same = candidates[0].id
    assert plan(candidates, interrupted=[[same, same]]) == [[0, 2], [1]]
    assert plan(candidates, interrupted=[[same]]) == [[0], [1, 2]]


def test_an_architecture_says_itself_whether_it_stacks_and_what_it_holds(monkeypatch):
    new = replace(ARCHITECTURES["fc"], name="new", width=7, activations=lambda shape, width: 1000 * width)
    monkeypatch.setitem(ARCHITECTURES, "new", new)
    candidate = small(architecture="new", width=None)
    assert candidate.width == 7
    assert cohort_size(candidate, SHAPE, 50, "cpu") == 16
    fc = small(width=7)
    more = 1.25 * 2 * 4 * candidate.batch_size * (1000 * 7 - (8 * 7 + 256))
    assert candidate_bytes(candidate, SHAPE) - candidate_bytes(fc, SHAPE) == pytest.approx(more, abs=1)
    monkeypatch.setitem(ARCHITECTURES, "new", replace(new, stacks_on_cpu=False))
    assert cohort_size(candidate, SHAPE, 50, "cpu") == 1


@pytest.mark.parametrize(("precision", "measured"), [("bf16", 45.8e6), ("float32", 55e6)])
def test_the_count_of_memory_is_little_above_what_an_h200_took(precision, measured):
    counted = candidate_bytes(Candidate(), (1, 64, 64), precision)
    assert measured < counted < 1.6 * measured
    factor = candidate_bytes(Candidate("factor_vae"), (1, 64, 64), precision)
    assert factor > counted + 1.25 * 16 * 5 * 1000 * 1000  # the weights and moments of its discriminator


def test_images_on_the_device_leave_less_room(monkeypatch):
    monkeypatch.setattr("selectdis.execution._plan.device_memory", lambda device: 4 * 10**9)
    size = partial(cohort_size, Candidate(), (1, 64, 64), 500, "cuda", precision="float32")
    assert 15 < size(n_images=480_000) < size() < 64
    assert size(n_images=10**6) == size()  # which do not fit there, and stay on the host
    assert size(precision="bf16") > size()
