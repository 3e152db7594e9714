"""bsdvirt edit"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import sys
import tempfile
from pathlib import Path

from bsdvirt.cli.common import GuestOptions, add_dry_run, add_guest, open_session, report
from bsdvirt.cli.events.asking import carry_out_asked
from bsdvirt.cli.output import ask, say
from bsdvirt.cli.streams import one_line
from bsdvirt.errors import BsdvirtError, ConflictError, HostError, UsageError
from bsdvirt.guest.inventory import guest_text
from bsdvirt.host.beneath import READ_LIMIT, read_regular
from bsdvirt.ops.change import rewrite
from bsdvirt.session.prepared import carry_out
from bsdvirt.session.session import Session
from bsdvirt.spec.load import load_guest

ASKS = True
"""With --ask, it asks itself: the editor is run once."""


class Options(GuestOptions):
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="apply without asking")
    add_dry_run(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    found = session.inventory()
    guest = found.guest(options.guest)
    path = guest.layout.guest_file(guest.name)
    before = guest_text(session.host.fs, guest.layout, guest.name)
    with tempfile.TemporaryDirectory(prefix="bsdvirt-edit-") as directory:
        copy = Path(directory) / f"{options.guest}.yaml"
        copy.touch(0o600)
        copy.write_text(before, encoding="utf-8")
        while True:
            after = _edited(copy)
            if after == before:
                if not options.quiet:
                    print(f"{options.guest}: nothing changes")
                return 0
            try:
                status = _apply(session, options, path, before, after)
            except BsdvirtError as error:
                question = f"bsdvirt: {one_line(error)}\nEdit again? [Y/n] "
                if isinstance(error, ConflictError) or not _asked(question, default=True):
                    _keep(options.guest, after)
                    raise
                continue
            if status != 0:
                _keep(options.guest, after)
            return status


def _keep(name: str, text: str) -> None:
    """Keep the user's changes if they cannot be applied."""
    if not _can_ask():
        return
    descriptor, place = tempfile.mkstemp(prefix=f"bsdvirt-{name}-", suffix=".yaml")
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    say(f"your changes are kept in {place}")


def _apply(session: Session, options: Options, path: str, before: str, after: str) -> int:
    load_guest(after, path)
    diff = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), path, "edited"
    )
    if not options.quiet and not options.dry_run:
        for line in diff:
            sys.stdout.write(line if line.endswith("\n") else line + "\n")
        sys.stdout.flush()
    if not (options.yes or options.ask or options.dry_run):
        if not _can_ask():
            raise UsageError(
                "there is no terminal to confirm on, and --yes is not given", "add --yes"
            )
        if not _asked("Apply? [y/N] ", default=False):
            print("nothing was changed")
            return 0
    request = rewrite(options.guest, before, after)
    if options.ask and not options.dry_run:
        (outcome,) = carry_out_asked(options, session, request)
    else:
        (outcome,) = carry_out(session, request)
    if outcome.error is not None and not isinstance(outcome.error, ConflictError):
        raise outcome.error
    return report([outcome], options)


def _edited(copy: Path) -> str:
    """Run the user's editor on the copy. Raises HostError if it fails."""
    import subprocess

    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        status = subprocess.run([*words, str(copy)], check=False).returncode  # noqa: S603
    except OSError as error:
        raise HostError(f"{shlex.join(words)}: {error.strerror}", "set EDITOR") from error
    if status != 0:
        raise HostError(f"{shlex.join(words)}: exit status {status}", "nothing was changed")
    return read_regular(copy, READ_LIMIT).decode("utf-8", "surrogateescape")


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked(question: str, *, default: bool) -> bool:
    """Ask, and return the answer; False without a terminal."""
    if not _can_ask():
        return False
    answer = ask(question).lower()
    return default if not answer else answer in ("y", "yes")
