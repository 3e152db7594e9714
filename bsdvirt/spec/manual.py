"""Generate the property sections of the manual pages, in mdoc, from the declarations."""

from __future__ import annotations

import re
import textwrap

from bsdvirt.spec.base import Live
from bsdvirt.spec.schema import PropertyInfo, Which, properties

BEGIN = '.\\" The properties, from bsdvirt/spec: python3 -m bsdvirt.spec.manual FILE'
END = '.\\" The end of the properties'
TITLES: dict[Which, str] = {
    "jail": "A JAIL", "vm": "A VIRTUAL MACHINE", "network": "A NETWORK", "host": "THE HOST",
    "pool": "ANOTHER POOL",
    "image": "AN IMAGE PROFILE", "size": "A SIZE",
}  # fmt: skip
PAGES: dict[str, tuple[Which, ...]] = {
    "bsdvirt-guest.5": ("jail", "vm"),
    "bsdvirt-network.5": ("network",),
    "bsdvirt.yaml.5": ("host", "pool", "image", "size"),
}
"""What each page has the properties of."""
COLUMNS = 72
"""Of a line of text: escapes make some of it longer."""
_LIVE = {
    Live.NOW: "Takes effect at once.",
    Live.START: "Takes effect at the next start.",
    Live.REBOOT: "Takes effect at the next reboot of the guest.",
    Live.NEVER: "Fixed at creation.",
}


def sections(page: str) -> str:
    """Return the property sections of a page, between the marks."""
    lines = [BEGIN]
    for which in PAGES[page]:
        lines += [f".Sh {TITLES[which]}", ".Bl -tag -width Ds"]
        for info in properties(which):
            lines += _entry(info, which)
        lines.append(".El")
    return "\n".join([*lines, END])


def _entry(info: PropertyInfo, which: Which) -> list[str]:
    lines = [f".It Cm {_plain(info.name)} Pq {_plain(info.type)}", *_sentences(info.help)]
    if info.unit:
        lines.append(f"In {_plain(info.unit)}.")
    if info.becomes:
        lines += ["Becomes", f".Ql {_plain(info.becomes)} ."]
    if which in ("jail", "vm"):
        lines.append(_LIVE[Live(info.live)])
    return lines


def _sentences(text: str) -> list[str]:
    """Return text as lines of roff: quoted words as literals, with requests escaped."""
    lines: list[str] = []
    for index, part in enumerate(text.split("`")):
        words = part.strip()
        if not words:
            continue
        if index % 2:
            lines.append(f".Ql {_plain(words)}")
        elif words[0] in ",.;:" and lines and lines[-1].startswith(".Ql"):
            lines[-1] += f" {words[0]}"
            lines += _lines(words[1:].strip())
        else:
            lines += _lines(words)
    return lines


def _lines(words: str) -> list[str]:
    """Return each sentence on lines of its own, none too long, as mdoc(7) wants it."""
    plain = [
        _plain(line)
        for sentence in re.split(r"(?<=\.) (?=[A-Z])", words)
        for line in textwrap.wrap(sentence, COLUMNS, break_long_words=False, break_on_hyphens=False)
    ]
    return ["\\&" + line if line.startswith((".", "'")) else line for line in plain]


def _plain(words: str) -> str:
    # The name of the system would be a macro.
    return words.replace("\\", "\\e").replace("|", "\\*(Ba").replace("FreeBSD", "Free\\&BSD")


def rewritten(page: str, text: str) -> str:
    """Return the text of a page with new property sections."""
    head, _, rest = text.partition(BEGIN)
    return head + sections(page) + rest.partition(END)[2]


if __name__ == "__main__":
    import sys
    from pathlib import Path

    for path in map(Path, sys.argv[1:]):
        text = path.read_text(encoding="utf-8")
        path.write_text(rewritten(path.name, text), encoding="utf-8")
