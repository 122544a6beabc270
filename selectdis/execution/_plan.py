"""Which candidates train together, and in how many processes: a rule from measurements (see docs/training.md)."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import torch

from selectdis.errors import SelectdisError, whole_number
from selectdis.models import ARCHITECTURES, Parameter, build_model, discriminator_parameters
from selectdis.training._candidate import Candidate, program_key
from selectdis.training._memory import device_memory

__all__ = ["cohort_size", "plan_cohorts", "worker_count"]

CPU_PARAMETERS = 5_000_000  # of a whole cohort; larger ones leave the cache and gain nothing
CPU_LARGEST = 16
CUDA_LARGEST = 64  # 128 were 8% faster at 64 pixels on an H200
CUDA_SHARE = 0.6  # of the free memory
TRAINING_COPIES = 4  # weights, gradients and two moments


def cohort_size(
    candidate: Candidate, image_shape: tuple[int, int, int], count: int, device: str | torch.device = "auto"
) -> int:
    """How many of `count` candidates like this one should train as one program on a device: 1 to `count`.

    On CPU stacking pays for small fully connected models only; on CUDA as many as fit into the free memory, up to 64.
    """
    count = whole_number("the number of candidates", count, 1)
    if not ARCHITECTURES[candidate.architecture].stacks:
        return 1
    name = ("cuda" if torch.cuda.is_available() else "cpu") if str(device) == "auto" else str(device)
    if torch.device(name).type == "cuda":
        room = CUDA_SHARE * device_memory(torch.device(name))
        return max(1, min(count, CUDA_LARGEST, int(room / candidate_bytes(candidate, image_shape))))
    if not ARCHITECTURES[candidate.architecture].stacks_on_cpu:
        return 1
    return max(1, min(count, CPU_LARGEST, CPU_PARAMETERS // _model_parameters(candidate, image_shape)))


def candidate_bytes(candidate: Candidate, image_shape: tuple[int, int, int]) -> int:
    """Estimate the bytes that one candidate needs in training; activations are counted generously."""
    channels, height, breadth = image_shape
    widest = ARCHITECTURES[candidate.architecture].activations(image_shape, candidate.width or 0)
    activations = 4 * candidate.batch_size * (3 * widest + 6 * channels * height * breadth)
    parameters = _model_parameters(candidate, image_shape)
    if candidate.specification.adversary:
        parameters += _count(discriminator_parameters(candidate.latents, candidate.discriminator_width))
        activations *= 2  # its second batch, and the layers of the discriminator
    return 4 * TRAINING_COPIES * parameters + activations


def _model_parameters(candidate: Candidate, image_shape: tuple[int, int, int]) -> int:
    return _count(build_model(candidate.architecture, image_shape, candidate.latents, candidate.width or 0).parameters)


def _count(parameters: Sequence[Parameter]) -> int:
    return sum(math.prod(parameter.shape) for parameter in parameters)


def plan_cohorts(
    candidates: Sequence[Candidate],
    image_shape: tuple[int, int, int],
    *,
    device: str | torch.device,
    n_jobs: int,
    interrupted: Iterable[Sequence[str]] = (),
) -> list[list[int]]:
    """Return the indices of the candidates of each cohort: interrupted cohorts as they were, then new ones.

    Every candidate is in one, and every process gets work.

    Parameters
    ----------
    candidates, image_shape, device
        What is trained, on which images (c, h, w), and where.
    n_jobs : int
        Cohorts that run at the same time.
    interrupted : iterable of sequences of str
        Ids of the candidates of each cohort whose state is on disk; one that lacks any of them is not made again.
    """
    waiting: dict[str, list[int]] = defaultdict(list)  # of equal candidates each is trained
    for i, candidate in enumerate(candidates):
        waiting[candidate.id].append(i)
    cohorts = []
    for ids in interrupted:
        if ids and all(len(waiting[name]) >= count for name, count in Counter(ids).items()):
            cohorts.append([waiting[name].pop(0) for name in ids])
    rest = sorted(i for indices in waiting.values() for i in indices)
    programs: dict[object, list[int]] = defaultdict(list)
    for i in rest:
        programs[program_key(candidates[i])].append(i)
    fair = math.ceil(len(rest) / n_jobs)
    new: list[list[int]] = []
    for members in programs.values():
        size = min(fair, *(cohort_size(candidates[i], image_shape, len(members), device) for i in members))
        parts = math.ceil(len(members) / size)
        new += [members[part * len(members) // parts : (part + 1) * len(members) // parts] for part in range(parts)]
    return cohorts + sorted(new)  # in the order of the candidates, which a search that is cut short has balanced


def worker_count(n_jobs: int) -> int:
    """Return the number of processes to use: `n_jobs`, or for -1 one for each core that this process may use."""
    if n_jobs == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        return whole_number("n_jobs", n_jobs, 1)
    except SelectdisError as error:
        raise SelectdisError(f"{error}; -1 stands for one per core") from None
