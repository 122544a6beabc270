"""Memory that really runs out, in a process of its own with a limit."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from selectdis.execution import _plan as plan
from selectdis.execution import cohort_size
from selectdis.training import Candidate
from selectdis.training._memory import is_out_of_memory

LIMITED = """
import os, resource
import numpy as np
from selectdis.training import _loop as loop
from selectdis.training import train_cohort
from tests.training.conftest import blobs, small

candidates = [small(o, s, width=1000) for o in ("beta_vae", "factor_vae") for s in range(4)]
data = blobs(size=32)
(alone,) = train_cohort(candidates[:1], data, steps=2, device="cpu")
sizes, train = [], loop._train_sorted
def count(cohort, *others):
    sizes.append(len(cohort))
    return train(cohort, *others)
loop._train_sorted = count
used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + 400 * 2**20, resource.RLIM_INFINITY))
runs = train_cohort(candidates, data, steps=2, device="cpu")
assert [run.candidate for run in runs] == candidates and {run.status for run in runs} == {"complete"}
assert np.allclose(runs[0].curves["loss"], alone.curves["loss"], rtol=1e-5)
print(*sizes)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_cohort_that_does_not_fit_is_halved_until_it_does():
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    sizes = [int(size) for size in done.stdout.split()]
    assert sizes[:2] == [8, 4]


def test_what_says_that_memory_ran_out():
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**50)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**55)
    cublas = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    for error in (of_torch.value, of_numpy.value, cublas, torch.OutOfMemoryError("CUDA out of memory.")):
        assert is_out_of_memory(error)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(other.value)
    assert not is_out_of_memory(OSError("out of memory"))


def test_cohorts_on_cuda_come_from_the_free_memory(monkeypatch):
    def size(free, candidate=None, count=1000):
        monkeypatch.setattr(plan, "device_memory", lambda device: free)
        return cohort_size(candidate or Candidate(), (1, 64, 64), count, "cuda")

    assert size(80e9) == plan.CUDA_LARGEST
    assert size(80e9, count=3) == 3
    assert size(1e6) == 1
    assert 1 < size(1e9) < size(2e9) < plan.CUDA_LARGEST
    assert size(2e9, Candidate("factor_vae")) < size(2e9)
