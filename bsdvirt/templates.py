"""Find templates: beside the package in a checkout, in share/bsdvirt if installed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from bsdvirt.errors import HostError

_PACKAGE = Path(__file__).resolve().parent


def _places() -> list[Path]:
    above = [_PACKAGE.parent, *list(_PACKAGE.parents)[1:5]]
    shares = [folder / "share" / "bsdvirt" / "templates" for folder in above]
    return [
        _PACKAGE.parent / "templates",
        Path(sys.prefix) / "share" / "bsdvirt" / "templates",
        *shares,
    ]


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
