"""URLs without their passwords: nothing that is printed, shown or sent around holds one."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["redacted", "redacted_reason", "redacted_text"]

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


def redacted_reason(reason: object, url: str) -> str:
    """Return the first line of what a library says against `url`, without any word of its password.

    Libraries take a URL apart in their own ways: the host that one did not find may be the end of a password with @.
    """
    text = redacted_text((str(reason).strip().splitlines() or [""])[0])
    kept = set(re.findall(r"\w+", redacted(url)))
    secret = {word for form in (url, unquote(url)) for word in re.findall(r"\w+", form)} - kept
    for word in sorted(secret, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(word)}\b", "...", text)
    return text
