"""Show a verb's part of the manual, by mandoc(1), which FreeBSD has in its base system."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bsdvirt.cli.manual.part import part_of
from bsdvirt.cli.parser import terminal_columns
from bsdvirt.cli.words import VERBS
from bsdvirt.host.tools import MANDOC
from bsdvirt.templates import beside, shared

PAGE = "bsdvirt.8"
WIDEST, NARROWEST = 80, 40
"""Columns of the text."""
STRUCK = re.compile(r"(.)\x08(.)")
"""Bold and underlined characters, as mandoc(1) writes them for a pager."""
BOLD, UNDERLINED, PLAIN = "\x1b[1m", "\x1b[4m", "\x1b[m"
PAGER = "/usr/bin/less"


def show_part(words: Sequence[str]) -> bool:
    """Print what the manual says of a verb, or of one of its actions, and return whether it could
    be shown."""
    verb, action = (*words, "")[:2]
    page = _page() if verb in VERBS else ""
    part = part_of(page, VERBS[verb], verb, action) if page else ""
    text = _rendered(part) if part else ""
    if text:
        _print(text)
    return bool(text)


def _page() -> str:
    """Return the source of the installed manual page, or an empty string."""
    for place in _places():
        try:
            with gzip.open(place) if place.suffix == ".gz" else open(place, "rb") as stream:
                return stream.read().decode()
        except (OSError, EOFError, UnicodeDecodeError):
            continue
    return ""


def _places() -> Iterator[Path]:
    """Yield where the page may be; packages compress it."""
    yield beside(f"man/{PAGE}")
    for installed in shared(f"man/man8/{PAGE}"):
        yield from (installed, installed.with_name(f"{PAGE}.gz"))


def _rendered(part: str) -> str:
    """Return the text of a page, or an empty string where there is no mandoc(1)."""
    width = max(NARROWEST, min(WIDEST, terminal_columns())) - 2
    argv = (MANDOC, "-mdoc", "-O", f"width={width}")
    try:
        done = subprocess.run(argv, input=part.encode(), capture_output=True, check=False)
    except OSError:
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _print(text: str) -> None:
    """Print a text: on a terminal that it does not fit, with a pager; elsewhere, plain."""
    if not sys.stdout.isatty():
        print(STRUCK.sub(r"\2", text), end="")
        return
    if text.count("\n") < os.get_terminal_size(1).lines:
        print(_coloured(text), end="")
        return
    pager = os.environ.get("MANPAGER") or os.environ.get("PAGER") or PAGER
    try:
        subprocess.run(shlex.split(pager), input=text.encode(), check=False)
    except (OSError, ValueError, BrokenPipeError):
        print(_coloured(text), end="")


def _coloured(text: str) -> str:
    """Return the text with the attributes of a terminal."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return STRUCK.sub(r"\2", text)

    def attributed(found: re.Match[str]) -> str:
        return f"{UNDERLINED if found[1] == '_' else BOLD}{found[2]}{PLAIN}"

    return STRUCK.sub(attributed, text)
