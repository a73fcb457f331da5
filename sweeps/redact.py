"""What is secret in addresses and texts, and how it is left out. Pure."""

import os
import re
from collections.abc import Mapping

_HIDDEN = "***"
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:/+)[^\s/@'\"]*(:[^\s/'\"]*)?@")
_PARAMETER = re.compile(r"(?i)\b(password|passwd|pwd|token|secret|api_?key|access_?key)=[^&\s'\"]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}")
_NAMES = re.compile(r"(?i)(TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY|SECRET_?KEY)$")
_SHORTEST = 8
"""What is shorter than this would be found in ordinary words."""


def public(uri: str) -> str:
    """An address without the name and password that may be in it."""
    return _USER_INFO.sub(r"\g<scheme>", uri)


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """A text for everybody's eyes: without names and passwords in addresses, tokens, and secrets of the environment.

    Args:
        text: Any text, such as an error of a vendor.
        environment: Where a variable whose name says so holds a secret, which is then hidden wherever it stands.
    """
    for name, value in environment.items():
        if len(value) >= _SHORTEST and _NAMES.search(name):
            text = text.replace(value, _HIDDEN)
    text = _USER_INFO.sub(rf"\g<scheme>{_HIDDEN}@", text)
    text = _PARAMETER.sub(rf"\1={_HIDDEN}", text)
    return _BEARER.sub(rf"\1 {_HIDDEN}", text)
