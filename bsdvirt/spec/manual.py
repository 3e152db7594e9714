"""Generate the property sections of bsdvirt.yaml(5), in mdoc, from the declarations."""

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
COLUMNS = 72
"""Of a line of text: escapes make some of it longer."""
_LIVE = {
    Live.NOW: "Takes effect at once.",
    Live.START: "Takes effect at the next start.",
    Live.REBOOT: "Takes effect at the next reboot of the guest.",
    Live.NEVER: "Fixed at creation.",
}


def sections() -> str:
    """Return all property sections, between the marks."""
    lines = [BEGIN]
    for which, title in TITLES.items():
        lines += [f".Sh {title}", ".Bl -tag -width Ds"]
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


def rewritten(page: str) -> str:
    """Return the page with new property sections."""
    head, _, rest = page.partition(BEGIN)
    return head + sections() + rest.partition(END)[2]


if __name__ == "__main__":
    import sys
    from pathlib import Path

    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
