"""Which candidates train together, and in how many processes: a rule from measurements (see docs/training.md)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import torch

from selectdis.errors import SelectdisError, whole_number
from selectdis.models import Parameter, build_model, discriminator_parameters
from selectdis.training._candidate import Candidate, program_key
from selectdis.training._memory import device_memory

__all__ = ["cohort_size", "plan_cohorts", "worker_count"]

CPU_PARAMETERS = 5_000_000  # of a whole fc cohort; larger ones leave the cache and gain nothing
CPU_LARGEST = 16
CUDA_LARGEST = 64  # beyond it launches no longer matter (an estimate, not measured)
CUDA_SHARE = 0.6  # of the free memory
TRAINING_COPIES = 4  # weights, gradients and two moments


def cohort_size(
    candidate: Candidate, image_shape: tuple[int, int, int], count: int, device: str | torch.device = "auto"
) -> int:
    """How many of `count` candidates like this one should train as one program on a device: 1 to `count`.

    On CPU stacking pays for small fully connected models only; on CUDA as many as fit into the free memory, up to 64.
    """
    count = whole_number("the number of candidates", count, 1)
    name = ("cuda" if torch.cuda.is_available() else "cpu") if str(device) == "auto" else str(device)
    if torch.device(name).type == "cuda":
        room = CUDA_SHARE * device_memory(torch.device(name))
        return max(1, min(count, CUDA_LARGEST, int(room / candidate_bytes(candidate, image_shape))))
    if candidate.architecture == "conv":
        return 1
    return max(1, min(count, CPU_LARGEST, CPU_PARAMETERS // _model_parameters(candidate, image_shape)))


def candidate_bytes(candidate: Candidate, image_shape: tuple[int, int, int]) -> int:
    """An estimate of the memory that one candidate needs in training, in bytes; activations are counted generously."""
    channels, height, breadth = image_shape
    pixels = height * breadth
    widest = 32 * pixels if candidate.architecture == "conv" else 8 * (candidate.width or 0) + pixels * channels
    activations = 4 * candidate.batch_size * (3 * widest + 6 * pixels * channels)
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
    candidates: Sequence[Candidate], image_shape: tuple[int, int, int], *, device: str | torch.device, jobs: int
) -> list[list[int]]:
    """Indices of the candidates of each cohort; every candidate is in one, and every process gets work."""
    programs: dict[object, list[int]] = {}
    for i, candidate in enumerate(candidates):
        programs.setdefault(program_key(candidate), []).append(i)
    fair = math.ceil(len(candidates) / jobs)
    cohorts = []
    for members in programs.values():
        size = min(fair, *(cohort_size(candidates[i], image_shape, len(members), device) for i in members))
        parts = math.ceil(len(members) / size)
        cohorts += [members[part * len(members) // parts : (part + 1) * len(members) // parts] for part in range(parts)]
    return cohorts


def worker_count(jobs: int) -> int:
    """Processes to use: `jobs`, or for -1 one for each core that this process may use."""
    if jobs == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        return whole_number("jobs", jobs, 1)
    except SelectdisError as error:
        raise SelectdisError(f"{error}; -1 stands for one a core") from None
