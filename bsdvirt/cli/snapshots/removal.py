"""bsdvirt snapshot rm, prune and periodic"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bsdvirt.cli.common import add_change, apply, chosen, confirm, must_confirm, report
from bsdvirt.cli.output import cell, print_json
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.streams import tell
from bsdvirt.errors import EXIT_FAILED, EXIT_OK
from bsdvirt.ops.periodic import run_periodic
from bsdvirt.ops.snapshots.prune import Prune, calendar_rows
from bsdvirt.ops.snapshots.remove import Remove, to_remove
from bsdvirt.ops.snapshots.targets import targets
from bsdvirt.rows.base import plain
from bsdvirt.rows.snapshot import CalendarRow, RemovalRow
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.units import Keep


class Options(Globals):
    words: list[str]
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="GUEST@NAME", help="names or patterns")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_change(parser)


def run(session: Session, options: Options) -> int:
    """Remove snapshots, after what goes was shown."""
    wanted = targets(session, options.words)
    asks = must_confirm(options, yes=options.yes)
    shows = options.dry_run and options.json and options.asking is None
    if asks or shows:
        going = to_remove(session, wanted)
        if shows:
            print_json(plain(going))
            return EXIT_OK
        confirm(options, f"Remove {', '.join(options.words)} for good?", _lost(going))
    return apply(options, Remove(wanted), session)


def _lost(going: Sequence[RemovalRow]) -> list[str]:
    """Return what is lost by the removal of snapshots, in words."""
    lines = []
    for row in going:
        lines += row.parts
        size = "an unknown number of" if row.frees is None else row.frees
        lines.append(f"{row.guest}: {len(row.snapshots)} of its snapshots, frees {size} bytes")
    return lines


# ---- prune ----


class PruneOptions(Globals):
    guests: list[str]
    keep: str
    all_ours: bool
    yes: bool


def prune_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "guests", nargs="*", metavar="GUEST",
        help="names, patterns, state:running, kind:jail, tag:web; by default all with"
        " snapshots.keep",
    )  # fmt: skip
    parser.add_argument(
        "--keep", default="", metavar="24h,7d,4w,12m",
        help="instead of snapshots.keep: of how many hours, days, weeks, months, years (y)",
    )  # fmt: skip
    parser.add_argument(
        "--all-ours", action="store_true", help="also those that were taken for another reason"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_change(parser)


def prune(session: Session, options: PruneOptions) -> int:
    """Remove what is not kept, after the calendar was shown."""
    keep = parsed(Keep, options.keep, of="--keep") if options.keep else None
    names = chosen(session, options.guests, every=not options.guests)
    required = bool(options.guests) and keep is None
    request = Prune(tuple(names), keep, options.all_ours, required)
    asks = must_confirm(options, yes=options.yes)
    if not (asks or options.dry_run):
        return apply(options, request, session)
    rows, errors = calendar_rows(session, request)
    if options.dry_run and options.json and options.asking is None:
        print_json(plain(rows))
        for name, error in errors.items():
            tell(error, error.exit_code, name)
        return EXIT_FAILED if errors else EXIT_OK
    lines = [_line(row) for row in rows]
    if not asks:
        # It is followed by the commands, as shell.
        print("".join(f"# {line}\n" for line in lines), end="")
    elif any(not row.kept for row in rows):
        confirm(options, "Remove those that are not kept for good?", lines)
    return apply(options, request, session)


def _line(row: CalendarRow) -> str:
    words = [row.why, *row.slots] if row.why else row.slots
    fate = f"kept: {', '.join(words)}" if row.kept else "removed"
    return cell(f"{row.created} {row.guest}@{row.name}: {fate}")


# ---- periodic ----


def periodic_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def periodic(session: Session, options: Globals) -> int:
    """Do what is due. Only what went wrong is printed, for cron(8) mails it, and with -v all."""
    outcomes = run_periodic(session)
    if not (options.verbose or options.json):
        outcomes = [outcome for outcome in outcomes if not outcome.ok]
    return report(outcomes, options)
