"""Triton decides at its first import, which may be torch's compiler's, whether its functions can be interpreted."""

import os

os.environ["TRITON_INTERPRET"] = "1"
