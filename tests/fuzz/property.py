"""The one property of all fuzzing: a value, or one sentence; never a traceback, never a hang.

The cases are the same in every run. ``FUZZ=20 python -m pytest tests/fuzz`` tries twenty times as many.
"""

import contextlib
import copy
import os
import signal
import warnings

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from selectdis.errors import SelectdisError

SECONDS = 120  # for one case, on a busy machine
TIMES = int(os.environ.get("FUZZ", "1"))


def cases(count):
    """Try `count` of them."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    phases = [Phase.explicit, Phase.generate]  # no shrinking: a hang would be waited for again and again
    return settings(
        phases=phases,
        max_examples=count * TIMES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=quiet,
    )


def outcome(action):
    """What `action` gives and "", or None and the sentence that it raises. Anything else fails the test."""
    try:
        with warnings.catch_warnings(), in_time():
            warnings.simplefilter("ignore")
            return action(), ""
    except SelectdisError as error:
        sentence = str(error)
    assert sentence.strip()
    assert sentence.isprintable()
    return None, sentence


@contextlib.contextmanager
def in_time():
    """Fail what hangs."""

    def give_up(number, frame):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tree(folder):
    """All that lies in a folder, with sizes and times."""
    return {
        os.path.join(at, name): (info.st_size, info.st_mtime_ns)
        for at, _, names in os.walk(folder)
        for name in names
        if (info := os.lstat(os.path.join(at, name)))
    }


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**63, -(2**63), 10**30, 10**400]),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.sampled_from(["", " ", "nan", "-1", "1e400", "../x", "/dev/full", "a/b", "mig", "%41", "[1]"]),
    st.sampled_from(["x" * 5_000, "\x00", "\x1b[2J", "a\nb"]),
)
junk = st.one_of(plain, st.lists(plain, max_size=3), st.dictionaries(plain.map(str), plain, max_size=3))
json_junk = junk.filter(lambda value: "datetime" not in repr(value))


def places(value, path=()):
    """The way to every part of nested dicts and lists."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def changed(whole, choice, new):
    """`whole` with one of its parts, by `choice`, replaced by `new`, left out, or joined by it."""
    whole = copy.deepcopy(whole)
    ways = list(places(whole))[1:]
    *way, last = ways[choice % len(ways)]
    place = whole
    for key in way:
        place = place[key]
    if choice % 5 == 0:
        del place[last]
    elif choice % 7 == 0 and isinstance(place, dict):
        place[str(new)[:20]] = new
    else:
        place[last] = new
    return whole


choices = st.integers(0, 10**6)


@st.composite
def damages(draw):
    """A function that damages some bytes: overwrites, cuts, puts in between or at the end."""
    at, kind = draw(st.floats(0, 1)), draw(st.sampled_from(["over", "cut", "between", "swap"]))
    garbage = draw(st.binary(min_size=1, max_size=24))

    def damage(content):
        start = int(at * len(content))
        if kind == "cut":
            return content[:start]
        if kind == "between":
            return content[:start] + garbage + content[start:]
        if kind == "swap":
            return content[start:] + content[:start]
        return content[:start] + garbage + content[start + len(garbage) :]

    return damage
