"""bsdvirt export"""

from __future__ import annotations

import argparse
import re
import sys

from bsdvirt.cli.common import add_change, apply_one, open_session
from bsdvirt.cli.output import say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.guest.archive.export import Target
from bsdvirt.library.files import absolute
from bsdvirt.ops.archive.export import Export
from bsdvirt.ops.archive.standard import standard_output

STANDARD = "-"
ENDING = ".bsdvirt"


class Options(Globals):
    guest: str
    file: str | None
    force: bool
    portable: bool
    plain: bool
    compress: str
    encrypt: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST[@SNAPSHOT]")
    parser.add_argument(
        "file", nargs="?", metavar="FILE | -",
        help=f"file to write, or - for standard output; default: GUEST{ENDING} here",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--portable", action="store_true",
        help="files as tar and disks as they are, to be read without ZFS",
    )  # fmt: skip
    parser.add_argument(
        "--plain", action="store_true", help="decrypt datasets that are encrypted by ZFS"
    )
    parser.add_argument(
        "--compress", type=_compression, default="zstd", metavar="none | zstd[:LEVEL]",
        help="compression; default: zstd",
    )  # fmt: skip
    parser.add_argument(
        "--encrypt", metavar="age:RECIPIENT | age:FILE | openssl:FILE",
        help="encrypt it for recipients of age(1), or with the passphrase in a file",
    )  # fmt: skip
    add_change(parser)


def run(options: Options) -> int:
    guest, _, snapshot = options.guest.partition("@")
    if "@" in options.guest and not snapshot:
        raise UsageError(f"{options.guest}: not GUEST@SNAPSHOT", "such as web@before-upgrade")
    target = _target(options, guest)
    session = open_session(options, changes=True)
    request = Export(guest, target, snapshot, options.portable, options.plain)
    if options.file is None and not (options.quiet or sys.stdout.isatty()):
        # zfs send and tar write to a pipe there.
        other = f"bsdvirt export {options.guest} -"
        say(f"note: the archive goes to {target.file}; to standard output: {other}")
    if not target.piped or options.dry_run:
        return apply_one(options, request, session)
    if sys.stdout.isatty():
        raise UsageError("an archive is not written to a terminal", "redirect it, or name a file")
    if options.json:
        raise UsageError("--json and - do not go together", "name a file")
    with standard_output(session, guest, target) as piped:
        # The archive alone is on standard output.
        options.quiet = True
        request = Export(guest, piped, snapshot, options.portable, options.plain)
        return apply_one(options, request, session)


def _target(options: Options, guest: str) -> Target:
    word = options.file or f"{guest}{ENDING}"
    encrypt, to = "none", ""
    if options.encrypt is not None:
        encrypt, _, to = options.encrypt.partition(":")
        if encrypt not in ("age", "openssl") or not to or not to.isprintable():
            raise UsageError(
                f"--encrypt: {options.encrypt}: not age:RECIPIENT, age:FILE or openssl:FILE",
                "the passphrase itself is not given on a command line",
            )
        if encrypt == "openssl" or not re.fullmatch(r"age1[a-z0-9]+|ssh-[a-z0-9]+ \S+", to):
            to = absolute(to)
    return Target(
        file=STANDARD if word == STANDARD else absolute(word),
        piped=word == STANDARD,
        force=options.force,
        compress=options.compress,
        encrypt=encrypt,  # type: ignore[arg-type]
        to=to,
    )


def _compression(word: str) -> str:
    """Return the word. Raises ArgumentTypeError."""
    if not re.fullmatch(r"none|zstd(:(1[0-9]|[1-9]))?", word, re.ASCII):
        raise argparse.ArgumentTypeError(f"{word}: not none, zstd or zstd:1 to zstd:19")
    return word
