"""Mask what a report must not tell of a host: addresses, ids, secrets. Each becomes a word of its
own, the same wherever it stands, so that it is still seen which ones are the same."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import fields_of
from bsdvirt.spec.params import JailParams, is_free_text

_UUID = r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
_MAC = r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b"
_IPV4 = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"
_IPV6 = r"(?<![0-9a-zA-Z:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![0-9a-zA-Z:])"
_WORDS = re.compile(rf"(?P<id>{_UUID})|(?P<mac>{_MAC})|(?P<address>{_IPV4})|(?P<address6>{_IPV6})")
SECRET = "SECRET"  # noqa: S105
LEAST = 4
"""A shorter secret is not replaced where it stands in other text: too much would be."""


def secrets_of(spec: Spec) -> set[str]:
    """Return the values of the secret properties of a file."""
    found: set[str] = set()
    for name, field in fields_of(type(spec)).items():
        value = getattr(spec, name)
        if field.secret:
            found |= {str(value)} if value else set()
            continue
        if isinstance(value, JailParams):
            # Free text, in which programs in the jail find what they are configured with.
            found |= {str(text) for key, text in value.items() if is_free_text(key)}
            continue
        for part in value if isinstance(value, list) else [value]:
            found |= secrets_of(part) if isinstance(part, Spec) else set()
    return found


class Mask:
    """Masks text."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        """`names` are names of the host, which are masked too."""
        self._known: dict[str, str] = {}
        texts = {text: SECRET for text in secrets if len(text) >= LEAST}
        texts |= {name: f"host-{number}" for number, name in enumerate(_hosts(names), 1)}
        ways = "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
        self._texts = texts
        self._plain = re.compile(ways) if ways else None

    def __call__(self, text: str) -> str:
        """Return the text with all that is to be masked replaced."""
        if self._plain is not None:
            text = self._plain.sub(lambda match: self._texts[match[0]], text)
        return _WORDS.sub(self._word, text)

    def _word(self, match: re.Match[str]) -> str:
        text, kind = match[0], str(match.lastgroup)
        if kind.startswith("address") and _tells_nothing(text):
            return text
        key = text.lower()
        if key not in self._known:
            number = sum(word.startswith(f"{kind}-") for word in self._known.values()) + 1
            self._known[key] = f"{kind}-{number}"
        return self._known[key]


def _hosts(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if len(name) >= LEAST})


def _tells_nothing(text: str) -> bool:
    """Whether it is no address, or one that every host has."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    mask = isinstance(address, ipaddress.IPv4Address) and text.startswith("255.")
    return mask or address.is_unspecified or address.is_loopback
