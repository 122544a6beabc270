"""Studies: the search on the proxy, the transfer to the target, and all that is recorded of them."""

from __future__ import annotations

from selectdis.spec import StudySpec, read_spec
from selectdis.study._listener import Listener, StageInfo
from selectdis.study._study import Study
from selectdis.study._trained_arrays import write_trained_arrays
from selectdis.study._transfer import Transfer
from selectdis.study.picking._pick import pick

__all__ = ["Listener", "StageInfo", "Study", "StudySpec", "Transfer", "pick", "read_spec", "write_trained_arrays"]
