"""How much memory there is, and whether a failure means that there was too little."""

from __future__ import annotations

import math
import os
from typing import Any

import torch

__all__ = ["device_memory", "fits_in_memory", "is_out_of_memory"]

HOST_SHARE = 0.25  # of the free memory of the machine, which several processes may share
# torch has an exception of its own for a CUDA allocation; these it says in a RuntimeError.
SIGNS = ("can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED", "bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on the machine or on a device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def device_memory(device: torch.device) -> int:
    """Free bytes of a CUDA device, with those that torch holds from earlier trainings and does not use."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def fits_in_memory(images: Any) -> bool:
    """Whether lazy images may be made all at once."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return math.prod(images.shape) <= HOST_SHARE * free
