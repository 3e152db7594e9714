"""The options of `create jail` for the contents of a new jail's root."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from bsdvirt.cli.create_common import CreateOptions
from bsdvirt.errors import UsageError
from bsdvirt.jail.root import FROM_RELEASE, Origin
from bsdvirt.session.session import Session


class RootOptions(CreateOptions):
    """These options."""

    release: str | None
    empty: bool
    root_from: str | None
    directory: str | None
    dataset: str | None
    linux: bool


def add_root_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--empty", action="store_true", help="create an empty root")
    parser.add_argument(
        "--root-from", metavar="DIR|TAR", help="copy this directory or archive into the root"
    )
    parser.add_argument(
        "--directory", metavar="DIR", help="use this directory as the root; it is never deleted"
    )
    parser.add_argument(
        "--dataset", metavar="DS", help="use this dataset as the root; it is never destroyed"
    )
    parser.add_argument("--linux", action="store_true", help="the root has a Linux userland")


def origin_of(session: Session, options: RootOptions, names: Sequence[str]) -> Origin:
    """Return where the root comes from. Raises UsageError for options that do not go together, and
    as ops/create/root.py does."""
    ways = ("empty", "root_from", "directory", "dataset")
    given = [f"--{way.replace('_', '-')}" for way in ways if getattr(options, way)]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} do not go together", "use one of them")
    if not given:
        if options.linux:
            raise UsageError("--linux: which root?", "--root-from TAR, --directory DIR or --empty")
        return FROM_RELEASE
    # Imported here: most roots are made from a release.
    from bsdvirt.ops.create import root

    if options.release or options.thick:
        raise UsageError(f"{given[0]} is a root without a release", "omit the release")
    if (options.directory or options.dataset) and len(names) > 1:
        raise UsageError(f"{given[0]} goes with one name only", "create the others separately")
    if options.directory:
        return root.directory(session, options.directory)
    if options.dataset:
        return root.dataset(session, options.dataset)
    return root.source(session, options.root_from) if options.root_from else Origin("empty")


def userland_settings(options: RootOptions) -> dict[str, Any]:
    """Return the settings of a jail whose root is not FreeBSD."""
    if not (options.linux or options.empty):
        return {}
    settings: dict[str, Any] = {"userland": "linux" if options.linux else "none"}
    if options.empty:
        settings["resolver"] = {"mode": "keep"}
    return settings
