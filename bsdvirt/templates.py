"""Find templates: beside the package in a checkout, in share/bsdvirt if installed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from bsdvirt.errors import HostError

_PACKAGE = Path(__file__).resolve().parent


def beside(name: str) -> Path:
    """Return the path of a file or directory of a checkout."""
    return _PACKAGE.parent / name


def shared(name: str) -> list[Path]:
    """Return where a file or directory in share/ may be installed."""
    above = [Path(sys.prefix), *list(_PACKAGE.parents)[:5]]
    return [folder / "share" / name for folder in above]


def _places() -> list[Path]:
    return [beside("templates"), *shared("bsdvirt/templates")]


@cache
def template_text(name: str) -> str:
    """Return the text of a template. Raises HostError if it is missing."""
    for place in _places():
        if (place / name).is_file():
            return (place / name).read_text(encoding="utf-8")
    raise HostError(f"the template {name} is missing", "install bsdvirt again")


@cache
def template_names(directory: str) -> tuple[str, ...]:
    """Return the sorted names of the templates in a subdirectory."""
    for place in _places():
        if (place / directory).is_dir():
            return tuple(sorted(entry.name for entry in (place / directory).iterdir()))
    return ()
