"""URLs without their passwords: nothing that is printed, shown or sent around holds one."""

from __future__ import annotations

import re

__all__ = ["redacted", "redacted_text"]

_SECRET = re.compile(r"(^|[?&;\s])\w*(?:password|passwd|pwd|secret|token|api_?key)\w*=[^&;#\s]*", re.IGNORECASE)
_LOGIN = re.compile(r"([^:/?#@]*):.*@", re.DOTALL)  # to the last @: a password may hold @, / and ? as well
_CUT_LOGIN = re.compile(r"([^:/?#@\[]*):(?!\d*(?:[/?#]|\W*$)).*", re.DOTALL)  # no port, so the start of a password
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def redacted(url: str) -> str:
    """Return `url` without its password, be it in front of the host or a parameter; the user's name stays.

    Where it is not clear how far the password goes, too much is left out rather than too little.
    """
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    rest = re.sub(r"(?<=[?&])&", "", _SECRET.sub(r"\1", rest)).rstrip("?&")
    if found := _LOGIN.match(rest):
        rest = f"{found[1]}@{rest[found.end() :]}"
    elif separator:
        rest = _CUT_LOGIN.sub(r"\1", rest, count=1) if _CUT_LOGIN.match(rest) else rest
    return scheme + separator + rest


def redacted_text(text: str) -> str:
    """Return `text` with every URL in it `redacted`."""
    return _URL.sub(lambda found: redacted(found[0]), text)
