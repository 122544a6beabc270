import subprocess
import sys

import pytest

from selectdis.errors import SelectdisError
from selectdis.tracking._outbox import Outbox


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tracking" / "outbox.jsonl"


def reopened(outbox):
    outbox.release()
    return Outbox(outbox.path)


def drained(outbox):
    found = []
    while (entry := outbox.first()) is not None:
        found.append(entry["n"])
        outbox.drop()
    return found


def test_keeps_the_order_and_survives_its_process(path):
    outbox = Outbox(path)
    for n in range(5):
        outbox.put({"n": n})
    assert outbox.first() == {"n": 0}
    outbox.drop()
    outbox = reopened(outbox)
    outbox.put({"n": 5})
    assert len(outbox) == 5
    assert drained(outbox) == [1, 2, 3, 4, 5]
    assert not path.exists()  # nothing waits, nothing stays


def test_a_line_that_was_cut_off_costs_itself_only(path):
    outbox = Outbox(path)
    outbox.put({"n": 0})
    outbox.release()
    with path.open("a") as file:
        file.write('{"n": 1, "half')
    outbox = Outbox(path)
    outbox.put({"n": 2})
    assert len(outbox) == 2
    assert drained(outbox) == [0, 2]


@pytest.mark.parametrize("content", ["", "nonsense", "-4", "100000"])
def test_a_damaged_position_means_from_the_start(path, content):
    outbox = Outbox(path)
    outbox.put({"n": 0})
    outbox.release()
    path.with_name("outbox.jsonl.sent").write_text(content)
    assert drained(Outbox(path)) == [0]


def test_one_process_at_a_time(path):
    outbox = Outbox(path)
    code = f"from pathlib import Path; from selectdis.tracking._outbox import Outbox; Outbox(Path({str(path)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another process is tracking" in other.stderr
    with pytest.raises(SelectdisError, match="another process"):
        Outbox(path)
    outbox.release()
    Outbox(path).release()


def test_what_is_refused_is_put_aside(path):
    outbox = Outbox(path)
    outbox.put({"n": 0})
    outbox.put({"n": 1})
    outbox.reject("too odd")
    assert outbox.first() == {"n": 1}
    assert "too odd" in path.with_name("rejected.jsonl").read_text()


def test_numbers_that_json_lacks_are_refused_at_once(path):
    with pytest.raises(ValueError):
        Outbox(path).put({"n": float("nan")})
