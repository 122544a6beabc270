"""What holds for every test."""

import os

# Our kernels run in Triton's interpreter. It has to know before anything imports Triton, as torch's compiler may.
os.environ.setdefault("TRITON_INTERPRET", "1")
