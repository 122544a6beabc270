"""How far to trust a pick is a backtest of seconds: a short one, where its numbers are not the subject."""

from functools import partial

import pytest

from selectdis import selection


@pytest.fixture(autouse=True, scope="package")
def light_trust():
    """For the folder of tests whose conftest imports it; what they call as processes takes as long as it does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "trust", partial(selection.trust, n_bootstrap=5))
        yield
