"""bsdvirt create"""

from __future__ import annotations

import argparse
from typing import Any

from bsdvirt.cli.create_common import (
    StackOptions,
    Wanted,
    add_guest_options,
    add_names,
    add_pool,
    create,
    nics_of,
    provided,
    stack_of,
    wanted,
)
from bsdvirt.cli.flags import add_property
from bsdvirt.cli.jail_root import RootOptions, add_root_arguments, origin_of, userland_settings
from bsdvirt.errors import UsageError
from bsdvirt.jail.root import Origin
from bsdvirt.library.levels import is_there
from bsdvirt.library.plans.releases import host_release
from bsdvirt.ops.create.jail import JailOrder
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import NO_RELEASE, Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.paths import set_paths


class Options(StackOptions, RootOptions):
    no_fetch: bool
    cpus: int | None


def arguments(parser: argparse.ArgumentParser) -> None:
    add_names(parser, "jail | vm", "kind of guest", "bsdvirt properties jail")
    add_property(parser, Jail, "release", note="default: the host's")
    parser.add_argument("--no-fetch", action="store_true", help="fail if the release is missing")
    add_root_arguments(parser)
    parser.add_argument(
        "--thick", action="store_true", help="create a full copy instead of a clone"
    )
    add_pool(parser)
    parser.add_argument(
        "--inherit", action="store_true", help="use the host's network stack with all its addresses"
    )
    parser.add_argument(
        "--shared", metavar="IF",
        help="use the host's network stack with --address and --address6 only, as aliases on IF",
    )  # fmt: skip
    add_property(parser, Jail, "cpus")
    add_guest_options(parser, Jail)


def run(options: Options) -> int:
    new = wanted(options, "jail")
    origin = origin_of(new.session, options, new.names)
    jail = _jail(new.session, options, new.settings, origin)
    coming = False
    if origin.kind == "release":
        coming = _provide(options, new, jail.release)
    return create(options, new, JailOrder(jail, options.thick, origin), coming=coming)


def _provide(options: Options, new: Wanted, release: str) -> bool:
    """Add a release that the pool lacks; return whether it is added."""
    if is_there(new.session, release, new.pool or new.session.layout):
        return False
    # Imported here: most jails are created from a release that is there.
    from bsdvirt.library import release_add

    fetch = not options.no_fetch
    source = release_add.provide(new.session, release, fetch=fetch, pool=new.pool)
    return provided(options, f"release {release} added", source)


def _jail(
    session: Session, options: Options, assignments: list[tuple[str, str]], origin: Origin
) -> Jail:
    """Return the jail that the options and properties describe."""
    given = dict(assignments)
    settings: dict[str, Any] = {"kind": "jail"}
    release = given.pop("release", None) if options.release is None else options.release
    if origin.kind == "release":
        if release is None:
            release = host_release(session.kernel.release)
        settings["release"] = release
    elif release not in (None, NO_RELEASE):
        raise UsageError("this root is not from a release", "omit release=")
    else:
        settings["release"] = NO_RELEASE
    settings |= userland_settings(options)
    if stack := stack_of(options, given):
        settings |= stack
    elif "stack" not in given and (nics := nics_of(session, options)):
        settings["nics"] = nics
    for name in ("hostname", "cpuset", "placement", "cpus"):
        if (value := getattr(options, name)) is not None:
            settings[name] = value
    return set_paths(decode(Jail, settings, "create"), list(given.items()))
