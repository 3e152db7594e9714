"""bsdvirt import"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from bsdvirt.cli.common import add_change, apply_one, confirm, must_confirm, open_session
from bsdvirt.cli.flags import with_secrets
from bsdvirt.cli.output import info_lines, print_info
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import BsdvirtError, StepError, UsageError
from bsdvirt.library.files import absolute
from bsdvirt.ops.archive.import_ import Import
from bsdvirt.ops.archive.read import check, is_archive, read, row
from bsdvirt.ops.archive.standard import standard_input
from bsdvirt.ops.migrate.request import TOOLS, Migrate
from bsdvirt.ops.migrate.streams import Discard, Feeds, Receive, Settle, find, named
from bsdvirt.session.prepared import carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.paths import split_assignments
from bsdvirt.spec.types import GuestName

STANDARD = "-"
CLAIMS = "Import it with these claims on this host?"


class Options(Globals):
    file: str
    words: list[str]
    tool: str | None
    list: bool
    check: bool
    pool: str | None
    key: str | None
    foreign: bool
    new_keys: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE | DIR | -",
        help="an archive, an appliance or a disk; a guest's directory of another tool; - for"
        " standard input; with --from, the guest's name there",
    )  # fmt: skip
    parser.add_argument(
        "words", nargs="*", metavar="NAME | PROPERTY=VALUE",
        help="the guest's name here, and properties to set in its file",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="tool", metavar="TOOL", choices=TOOLS,
        help=f"a guest of another tool on this host, which must be stopped: {', '.join(TOOLS)}",
    )  # fmt: skip
    parser.add_argument(
        "--list", action="store_true", help="show what is in the archive, and import nothing"
    )
    parser.add_argument(
        "--check", action="store_true", help="as --list, and check that all of it can be unpacked"
    )
    parser.add_argument("--pool", metavar="NAME | DATASET", help="pool to create it on")
    parser.add_argument(
        "--key", metavar="FILE", help="identity of age(1), or passphrase of openssl(1)"
    )
    parser.add_argument(
        "--foreign", action="store_true",
        help="leave it foreign: it claims nothing here until it is adopted",
    )  # fmt: skip
    parser.add_argument(
        "--new-keys", action="store_true",
        help="remove SSH host keys, machine ids and DHCP leases from a jail's root, as clone does",
    )  # fmt: skip
    parser.add_argument(
        "-y", "--yes", action="store_true", help="agree to what the guest asks of this host"
    )
    add_change(parser)


def run(options: Options) -> int:
    name, assignments = _sorted(options)
    key = absolute(options.key) if options.key else ""
    reads = options.list or options.check
    session = open_session(options, changes=not reads)
    changes = tuple(with_secrets(options, assignments))
    pool = session.pool(options.pool) if options.pool is not None else None
    if options.tool:
        return _foreign(options, session, Migrate(options.file, options.tool, name, pool, changes))
    with _source(session, options.file) as path:
        if not key and not is_archive(session, path):
            return _foreign(options, session, Migrate(path, "", name, pool, changes))
        if reads:
            incoming = read(session, path, path, key)
            if options.check:
                check(session, incoming, path)
            print_info(row(path, incoming), options)
            return 0
        if must_confirm(options, yes=options.yes or options.foreign):
            _agree(options, session, path, key, changes)
        request = Import(path, name, pool, changes, key, options.foreign, options.new_keys)
        return apply_one(options, request, session)


def _foreign(options: Options, session: Session, request: Migrate) -> int:
    """Import what another tool left. Raises UsageError for options that are bsdvirt's own."""
    own = {
        "--list": options.list,
        "--check": options.check,
        "--key": options.key,
        "--foreign": options.foreign,
        "--new-keys": options.new_keys,
    }
    if given := [option for option, value in own.items() if value]:
        raise UsageError(
            f"{given[0]} is for archives of bsdvirt",
            "-n shows the configuration that the guest would have",
        )
    if not request.tool and (feeds := _streams(session, request.source)) is not None:
        return _received(options, session, request, named(feeds, request.name))
    if must_confirm(options, yes=options.yes):
        with request.coming(session) as coming:
            claims = coming.asks
        if claims:
            confirm(options, CLAIMS, list(info_lines(claims)))
    return apply_one(options, request, session)


def _streams(session: Session, path: str) -> Feeds | None:
    return None if session.host.fs.is_dir(path) else find(session, path, path)


def _received(options: Options, session: Session, request: Migrate, name: str) -> int:
    """Receive ZFS streams, and create the guest once its configuration can be read. What was
    received is destroyed if that fails or is refused."""
    receive = Receive(request.source, name, request.pool)
    if options.dry_run:
        return apply_one(options, receive, session)
    discard = Discard(name, request.pool)
    try:
        carry_out_one(session, receive)
    except StepError:
        # Past its commit, a failed step leaves what was received.
        carry_out_one(session, discard)
        raise
    settle = Settle(request.source, name, request.pool, request.changes)
    try:
        if must_confirm(options, yes=options.yes) and (claims := settle.coming(session).asks):
            confirm(options, CLAIMS, list(info_lines(claims)))
        return apply_one(options, settle, session)
    finally:
        carry_out_one(session, discard)


def _sorted(options: Options) -> tuple[str, list[tuple[str, str]]]:
    """Return the name and the assignments. Raises UsageError."""
    names = [word for word in options.words if "=" not in word]
    if len(names) > 1:
        raise UsageError(f"{names[1]}: one archive is one guest", "bsdvirt import FILE NAME")
    name = str(parsed(GuestName, names[0], "such as web or db-1")) if names else ""
    return name, split_assignments(word for word in options.words if "=" in word)


@contextlib.contextmanager
def _source(session: Session, file: str) -> Iterator[str]:
    if file == STANDARD:
        with standard_input(session) as path:
            try:
                yield path
            except BsdvirtError as error:
                # The file is ours, and removed by now.
                error.message = error.message.replace(path, "standard input")
                error.hint = error.hint.replace(path, "FILE")
                raise
    else:
        yield absolute(file)


def _agree(
    options: Options, session: Session, path: str, key: str, changes: tuple[tuple[str, str], ...]
) -> None:
    """Show what the guest asks of this host, and have the user agree to it. Raises UsageError."""
    incoming = read(session, path, path, key, changes)
    if incoming.asks:
        lines = list(info_lines(incoming.asks))
        confirm(options, CLAIMS, lines)
