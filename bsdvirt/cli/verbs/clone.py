"""bsdvirt clone"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, open_session, report
from bsdvirt.cli.create_common import add_pool, guest_names
from bsdvirt.cli.flags import with_secrets
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.clone.clone import Clone
from bsdvirt.session.prepared import carry_out
from bsdvirt.spec.base import parsed
from bsdvirt.spec.paths import split_assignments
from bsdvirt.spec.snapshot import SnapshotName
from bsdvirt.spec.types import GuestName


class Options(Globals):
    source: str
    words: list[str]
    full: bool
    pool: str | None
    start: bool
    keep_keys: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="GUEST[@SNAPSHOT]", help="guest to clone, running or not")
    parser.add_argument(
        "words", nargs="+", metavar="NEW | PROPERTY=VALUE",
        help="names of the clones, and properties that differ; bsdvirt properties lists these",
    )  # fmt: skip
    parser.add_argument(
        "--full", action="store_true", help="full copies, which do not depend on the guest"
    )
    add_pool(parser)
    parser.add_argument(
        "--keep-keys", action="store_true",
        help="keep SSH host keys, machine ids and DHCP leases in a jail's root",
    )  # fmt: skip
    parser.add_argument("--start", action="store_true", help="also start the clones")
    add_change(parser)


def run(options: Options) -> int:
    source, at, snapshot = options.source.partition("@")
    parsed(GuestName, source, "such as web or web@before-upgrade")
    if at:
        parsed(SnapshotName, snapshot, "such as web@before-upgrade", of="snapshot")
    names = guest_names(options.words, f"clone {source}")
    session = open_session(options, changes=True)
    given = split_assignments(word for word in options.words if "=" in word)
    request = Clone(
        source,
        names,
        snapshot,
        tuple(with_secrets(options, given)),
        full=options.full,
        pool=session.pool(options.pool) if options.pool is not None else None,
        start=options.start,
        keep_keys=options.keep_keys,
    )
    return report(carry_out(session, request), options)
