"""Neutralise untrusted text for a terminal and for a line of a log."""

from __future__ import annotations

TYPE_CHECKING = False
# As in cli/streams.py. re is imported where there is something to escape: --version needs neither.
if TYPE_CHECKING:
    import re

# C0 but tab and line feed, DEL, C1, what turns the direction of writing, and the separators that
# some take for a line's end; and bytes that were no UTF-8 (surrogates).
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_LINE_CONTROL = rf"[\t\n]|{_CONTROL}"

MOST_TEXT = 4096
"""Characters of a message, or of the end of a command's standard error."""


def shown(text: str) -> str:
    r"""Return text with every control character except tab and line feed as an escape, such as
    \x1b."""
    # A plain str, whatever type of text it was.
    return str(text) if _is_plain(text) else _escaped(_CONTROL, text)


def shown_line(text: str) -> str:
    """Return text as one line and one field: tabs and line feeds are escaped too."""
    return str(text) if text.isprintable() else _escaped(_LINE_CONTROL, text)


def bounded(text: str, most: int = MOST_TEXT) -> str:
    """Return `shown` of that many characters, and how many there were."""
    if len(text) <= most:
        return shown(text)
    return f"{shown(text[:most])}… ({len(text)} characters)"


def tail(text: str, most: int = MOST_TEXT) -> str:
    """Return `shown` of the end of a text."""
    return shown(text[-most:].strip())


def has_controls(text: str) -> bool:
    """Whether `shown` would change it."""
    return shown(text) != text


def _is_plain(text: str) -> bool:
    """Whether it is certain that there is nothing to escape: all of that is unprintable."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def _escaped(pattern: str, text: str) -> str:
    import re

    return re.sub(pattern, _escape, text)


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    if match[0] in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[match[0]]
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


# A sequence as a program sends it to its terminal: CSI (colours, the cursor), OSC (the title).
_SEQUENCE = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)"
_BEGUN = r"(?:\r|\x1b(?:\[[0-?]{0,32}[ -/]{0,8}|\][^\x07\x1b\n]{0,256})?\x1b?)\Z"


class Screen:
    """Text from what a program wrote to its terminal, without colours and cursor movements."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return the text so far; an incomplete sequence waits for its rest."""
        import re

        text = self._held + text
        begun = re.search(_BEGUN, text)
        self._held = begun[0] if begun else ""
        if begun:
            text = text[: begun.start()]
        return shown(re.sub(_SEQUENCE, "", text).replace("\r\n", "\n"))

    @property
    def held(self) -> str:
        """The incomplete sequence."""
        return self._held

    def close(self) -> str:
        """Return the remaining text."""
        rest, self._held = self._held, ""
        return shown(rest)
