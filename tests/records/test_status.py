"""What a status means: one meaning of finished, for a record and for a table."""

import numpy as np
import pandas as pd
import pytest

from selectdis.records import is_finished, is_settled, pickable


@pytest.mark.parametrize(
    ("status", "finished", "settled"),
    [
        ("complete", True, True),
        ("stopped", True, True),  # of records of earlier versions
        ("diverged", False, True),  # it would diverge again
        ("failed", False, False),
    ],
)
def test_a_status_means_one_thing(status, finished, settled):
    record = {"status": status}
    assert is_finished(record) is finished
    assert is_settled(record) is settled
    assert pickable(pd.DataFrame([record])).tolist() == [finished]


def test_without_a_status_a_run_has_finished():
    assert pickable(pd.DataFrame({"status": ["failed", np.nan, None]})).tolist() == [False, True, True]
    assert pickable(pd.DataFrame({"seed": [0, 1]})).tolist() == [True, True]
    assert is_finished({})


def test_a_run_without_a_record_is_to_be_made():
    assert not is_settled(None)
