"""Find a verb's part of bsdvirt(8), in its source: mdoc(7) in, mdoc out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

BEGIN, END = ".Bl", ".El"
PROMPT = "# bsdvirt "
HEAD = re.compile(r"\bCm ([a-z]+)(?: ([a-z]+))?")
CROSS_REFERENCE = re.compile(r"^\.Sx (.+?)(?: [.,])?$", re.MULTILINE)


def part_of(page: str, about: str, verb: str, action: str = "") -> str:
    """Return a page of what the manual says of a verb, or of one of its actions, or "" if it says
    nothing of it. `about` is a line of help."""
    entries = [entry for entry in _entries(page) if any(_is_of(verb, action, entry))]
    if not entries:
        return ""
    name = f"{verb} {action}".rstrip()
    what = about.partition(":")[0] if action else about
    top = [line for line in page.splitlines()[:3] if line.startswith((".Dd", ".Dt", ".Os"))]
    lines = [*top, ".Sh NAME", f".Nm bsdvirt Cm {name}", f".Nd {what}"]
    lines += [".Sh DESCRIPTION", ".Bl -tag -width Ds", *entries, END]
    if examples := [*_examples(page, name)]:
        lines += [".Sh EXAMPLES", ".Bd -literal -offset indent", *examples, ".Ed"]
    lines += [".Sh SEE ALSO", *_see_also("\n".join(entries), name)]
    return "\n".join(lines) + "\n"


def _entries(page: str) -> Iterator[str]:
    """Yield each entry of the list of verbs: one or more heads, and the text below them."""
    text = page.partition(".Ss Verbs\n")[2].partition("\n.Sh ")[0]
    depth = 0
    entry: list[str] = []
    for line in text.splitlines():
        starts = depth == 1 and line.startswith(".It ")
        if starts and not all(one.startswith(".It ") for one in entry):
            yield "\n".join(entry)
            entry = []
        depth += line.startswith(BEGIN)
        depth -= line.startswith(END)
        if starts or (entry and depth > 0):
            entry.append(line)
    if entry:
        yield "\n".join(entry)


def _is_of(verb: str, action: str, entry: str) -> Iterator[bool]:
    """Yield, for each head of an entry, whether it is of a verb, and of an action if one is
    given."""
    for line in entry.splitlines():
        if not line.startswith(".It "):
            return
        found = HEAD.findall(line)
        if found and found[0][0] == verb:
            yield not action or (verb, action) in found


def _examples(page: str, name: str) -> Iterator[str]:
    """Yield the examples of the page that begin with these words. Long ones go on, indented."""
    inside = False
    for line in page.partition(".Sh EXAMPLES\n")[2].splitlines():
        inside = f"{line} ".startswith(f"{PROMPT}{name} ") or (inside and line.startswith("    "))
        if inside:
            yield line


def _see_also(entries: str, name: str) -> Sequence[str]:
    """Return where to read on."""
    sections = " , ".join(dict.fromkeys(CROSS_REFERENCE.findall(entries)))
    place = [".Xr bsdvirt 8", f".Pq {sections}"] if sections else [".Xr bsdvirt 8"]
    return [*place, ".Pp", "All options:", f".Ql bsdvirt {name} --help"]
