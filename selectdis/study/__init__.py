"""Studies: the search on the proxy, the transfer to the target, and all that is recorded of them."""

from __future__ import annotations

from selectdis.spec import StudySpec, read_spec
from selectdis.study._listener import Listener, StageInfo
from selectdis.study._pick import pick
from selectdis.study._study import Study
from selectdis.study._transfer import Transfer

__all__ = ["Listener", "StageInfo", "Study", "StudySpec", "Transfer", "pick", "read_spec"]
