"""Checks of texts that are no properties."""

from __future__ import annotations

from collections.abc import Callable

from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.types import Value


def checked(kind: type[Value]) -> Callable[[str], str]:
    """Return the check of a text, or of each of its lines, by a type of properties."""

    def check(text: str) -> str:
        for line in text.splitlines():
            try:
                kind.parse(line)
            except BadValueError as error:
                return f"{error} ({error.hint})" if error.hint else str(error)
        return ""

    return check


def printable(text: str) -> str:
    """Return what is wrong with a text that is a word of a command line."""
    return "" if text.replace("\n", "").isprintable() else "it has characters that do not print"
