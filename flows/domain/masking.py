"""Credentials leave no trace: passwords in addresses are masked in everything that people or logs see."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<userinfo>[^/\s]*)@", re.IGNORECASE)
_QUERY = re.compile(
    r"(?P<key>[?&;](?:[\w-]*(?:pass|pwd|secret|token|key|auth|sig)[\w-]*|passphrase)=)[^&\s'\";]+",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """The same text with the password of every address in it replaced by ``***``.

    >>> masked("cannot open rtsp://cam:s3cret@10.0.0.7/main?token=abc&fps=25")
    'cannot open rtsp://cam:***@10.0.0.7/main?token=***&fps=25'
    """
    return _QUERY.sub(r"\g<key>***", _USERINFO.sub(_without_password, text))


def _without_password(match: re.Match[str]) -> str:
    user, colon, _ = match["userinfo"].partition(":")
    return f"{match['scheme']}{user}{colon}{'***' if colon else ''}@"
