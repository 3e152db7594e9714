"""The words of `create jail` that say what a new jail's root is made of, and what is in it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Protocol

from bsdvirt.errors import UsageError
from bsdvirt.jail.root import FROM_RELEASE, Origin
from bsdvirt.ops.create import root
from bsdvirt.session.session import Session


class RootOptions(Protocol):
    """The words."""

    release: str | None
    thick: bool
    empty: bool
    root_from: str | None
    directory: str | None
    dataset: str | None
    linux: bool


def add_root_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--empty", action="store_true", help="an empty root, to fill yourself")
    parser.add_argument(
        "--root-from", metavar="DIR|TAR", help="a root that is a copy of this, not of a release"
    )
    parser.add_argument(
        "--directory", metavar="DIR", help="this directory is the root, and is never taken away"
    )
    parser.add_argument(
        "--dataset", metavar="DS", help="this dataset is the root, and is never taken away"
    )
    parser.add_argument("--linux", action="store_true", help="a Linux userland is in its root")


def origin_of(session: Session, options: RootOptions, names: Sequence[str]) -> Origin:
    """Where the root comes from. Raises UsageError for words that do not go together, and
    as ops/create/root.py does."""
    ways = ("empty", "root_from", "directory", "dataset")
    given = [f"--{way.replace('_', '-')}" for way in ways if getattr(options, way)]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} do not go together", "give one of them")
    if not given:
        if options.linux:
            raise UsageError(
                "--linux: what is in its root?", "--root-from TAR, --directory DIR or --empty"
            )
        return FROM_RELEASE
    if options.release or options.thick:
        raise UsageError(f"{given[0]} is a root without a release", "leave the release away")
    if (options.directory or options.dataset) and len(names) > 1:
        raise UsageError(f"{given[0]} goes with one name only", "make the others by themselves")
    if options.directory:
        return root.directory(session, options.directory)
    if options.dataset:
        return root.dataset(session, options.dataset)
    return root.source(session, options.root_from) if options.root_from else Origin("empty")


def userland_settings(options: RootOptions) -> dict[str, Any]:
    """What a jail is to be whose root holds no FreeBSD."""
    if not (options.linux or options.empty):
        return {}
    settings: dict[str, Any] = {"userland": "linux" if options.linux else "none"}
    if options.empty:
        settings["resolver"] = {"mode": "keep"}
    return settings
