"""bsdvirt create"""

from __future__ import annotations

import argparse
from typing import Any

from bsdvirt.cli.common import open_session, report
from bsdvirt.cli.create_common import (
    add_guest_options,
    add_pool,
    guest_names,
    kind_word,
    nics_of,
    say_how_to_go_on,
    stack_of,
)
from bsdvirt.cli.flags import add_property
from bsdvirt.cli.jail_root import add_root_arguments, origin_of, userland_settings
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import say
from bsdvirt.errors import UsageError
from bsdvirt.facts.host import read_kernel
from bsdvirt.guest.order import set_boot
from bsdvirt.jail.root import Origin
from bsdvirt.library import release_add
from bsdvirt.library.plans.releases import host_release
from bsdvirt.ops.create.guests import Create
from bsdvirt.ops.create.jail import JailOrder
from bsdvirt.session.prepared import carry_out
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.jail import NO_RELEASE, Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.paths import set_paths, split_assignments


class Options(Globals):
    kind: str
    words: list[str]
    release: str | None
    no_fetch: bool
    thick: bool
    empty: bool
    root_from: str | None
    directory: str | None
    dataset: str | None
    pool: str | None
    linux: bool
    network: list[str] | None
    no_network: bool
    inherit: bool
    shared: str | None
    address: str | None
    address6: str | None
    hostname: str | None
    cpuset: str | None
    autostart: bool
    start: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", type=kind_word, metavar="jail | vm", help="kind of guest")
    parser.add_argument(
        "words", nargs="+", metavar="NAME | PROPERTY=VALUE",
        help="names and properties; bsdvirt properties jail lists properties",
    )  # fmt: skip
    add_property(parser, Jail, "release", note="default: the host's")
    parser.add_argument("--no-fetch", action="store_true", help="fail if the release is missing")
    add_root_arguments(parser)
    parser.add_argument("--thick", action="store_true", help="create a full copy, not a clone")
    add_pool(parser)
    parser.add_argument(
        "--inherit", action="store_true", help="use the host's network stack with all its addresses"
    )
    parser.add_argument(
        "--shared", metavar="IF",
        help="use the host's network stack with --address and --address6 only, as aliases on IF",
    )  # fmt: skip
    add_guest_options(parser, Jail)


def run(options: Options) -> int:
    names = guest_names(options.words, "create jail")
    if options.address and len(names) > 1:
        raise UsageError(
            "--address goes with one name only", "omit it: the network's pool assigns addresses"
        )
    session = open_session(options, changes=True)
    assignments = split_assignments(word for word in options.words if "=" in word)
    boot = set_boot(
        Boot(auto=options.autostart or session.hostfile.defaults.autostart), assignments
    )
    pool = session.pool(options.pool) if options.pool is not None else None
    origin = origin_of(session, options, names)
    ours = [a for a in assignments if not a[0].startswith("boot.")]
    jail = _jail(session, options, ours, origin)
    coming = False
    if origin.kind == "release":
        source = release_add.provide(session, jail.release, fetch=not options.no_fetch, pool=pool)
        coming = bool(source)
        if source and not options.dry_run:
            say(f"release {jail.release} added from {source}")
    order = JailOrder(jail, options.thick, origin)
    wanted = Create(names, order, boot, pool, start=options.start, coming=coming)
    outcomes = carry_out(session, wanted)
    status = report(outcomes, options)
    if not options.quiet and not options.json and not options.dry_run:
        say_how_to_go_on(outcomes, start=options.start)
    return status


def _jail(
    session: Session, options: Options, assignments: list[tuple[str, str]], origin: Origin
) -> Jail:
    """Return the jail that the options and properties describe."""
    given = dict(assignments)
    settings: dict[str, Any] = {"kind": "jail"}
    release = given.pop("release", None) if options.release is None else options.release
    if origin.kind == "release":
        if release is None:
            release = host_release(read_kernel(session.host).release)
        settings["release"] = release
    elif release not in (None, NO_RELEASE):
        raise UsageError("a root that is not from a release has none", "omit release=")
    else:
        settings["release"] = NO_RELEASE
    settings |= userland_settings(options)
    if stack := stack_of(options, given):
        settings |= stack
    elif "stack" not in given and (nics := nics_of(session, options)):
        settings["nics"] = nics
    for name in ("hostname", "cpuset"):
        if (value := getattr(options, name)) is not None:
            settings[name] = value
    return set_paths(decode(Jail, settings, "create"), list(given.items()))
