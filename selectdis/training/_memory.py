"""How much memory there is, and whether a failure means that there was too little."""

from __future__ import annotations

import math
import os
import re
from typing import Any

import torch

__all__ = ["device_memory", "fits_in_memory", "host_memory", "is_out_of_memory"]

HOST_SHARE = 0.25  # of the free memory of the machine, which several processes may share
# torch has an exception of its own for a CUDA allocation. The others are RuntimeErrors: of its allocator on CPU, of
# oneDNN, and of CUDA's libraries, which need memory of their own.
SIGNS = re.compile(
    r"can't allocate memory|out of memory|bad_alloc|could not (create|execute) a primitive(?! descriptor)"
    r"|could not create a memory object|(CUBLAS|CUDNN)_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)|unable to find an engine",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on the machine or on a device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and SIGNS.search(str(error)) is not None


def device_memory(device: torch.device) -> int:
    """Free bytes of a CUDA device, with those that torch holds from earlier trainings and does not use."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def host_memory() -> int:
    """Free bytes of this machine."""
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"  # macOS counts all alone
    return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")


def fits_in_memory(images: Any) -> bool:
    """Whether lazy images may be made all at once."""
    return math.prod(images.shape) <= HOST_SHARE * host_memory()
