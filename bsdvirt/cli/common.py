"""Shared by verbs: opening a session, selectors, printing outcomes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from bsdvirt.cli.output import ask, print_json, say
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.streams import end_with_reader, tell
from bsdvirt.cli.words import LISTING
from bsdvirt.errors import EXIT_FAILED, EXIT_OK, UsageError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.open import open_host
from bsdvirt.rows.base import plain
from bsdvirt.rows.guest import OutcomeRow
from bsdvirt.session.session import Session

if TYPE_CHECKING:
    from bsdvirt.plan.events import Event, Sink
    from bsdvirt.session.batch import Outcome
    from bsdvirt.session.prepared import Request


def add_json(parser: argparse.ArgumentParser) -> None:
    dest, help = LISTING["--json"]
    parser.add_argument("--json", dest=dest, action="store_true", help=help)


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="print the commands, and change nothing"
    )
    parser.set_defaults(plans=True)


def add_change(parser: argparse.ArgumentParser) -> None:
    """Add the options of a verb that changes guests."""
    add_dry_run(parser)
    add_json(parser)


def add_headless(parser: argparse.ArgumentParser, help: str = LISTING["-H"][1]) -> None:
    parser.add_argument("-H", dest=LISTING["-H"][0], action="store_true", help=help)


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add the options of a verb that prints rows."""
    add_headless(parser)
    add_json(parser)


def seconds(text: str) -> float:
    """Return a positive number of seconds. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text}: not a number of seconds")
    return value


class GuestOptions(Globals):
    """The options of a verb for one guest."""

    guest: str


def add_guest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")


class Selection(Globals):
    """The options of a verb for several guests."""

    guests: list[str]
    all: bool


def add_guests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "guests",
        nargs="*",
        metavar="GUEST",
        help="names, patterns, state:running, kind:jail, tag:web",
    )


def add_selectors(parser: argparse.ArgumentParser) -> None:
    add_guests(parser)
    parser.add_argument("--all", action="store_true", help="all guests")


def open_session(options: Globals, *, changes: bool, shows: bool = False) -> Session:
    """Open the session of this command. `changes`: treat signals as a request to end, require root,
    and log. `shows`: read facts for display only."""
    interrupt = Interrupt()
    host = open_host(options.sim, interrupt)
    if (not changes or options.dry_run) and options.asking is None:
        # A change continues without its reader.
        end_with_reader()
    session = Session(host, interrupt, preview=options.dry_run, shows=shows)
    if options.dry_run:
        session.sink = plan_sink(options)
    if shows:
        session.sink = lambda event: _log(session, event)
    if options.asking is not None:
        options.asking.opened(session, changes=changes)
    if changes and not options.dry_run:
        from bsdvirt.cli.progress import EventLog, OperationLog

        session.need_root()
        session.prepare()
        interrupt.install()
        terminal = _terminal(options)
        log, operations = EventLog(host.fs), OperationLog(host.fs, options.of_verb, options.line)

        def sink(event: Event) -> None:
            terminal(event)
            log(event)
            operations(event)

        session.sink = sink
    return session


def _terminal(options: Globals) -> Sink:
    """Return what shows events while the work runs."""
    if options.events:
        from bsdvirt.cli.events.feed import open_feed

        return open_feed()
    from bsdvirt.cli.progress import Terminal

    return Terminal(verbose=options.verbose, quiet=options.quiet)


def _log(session: Session, event: Event) -> None:
    from bsdvirt.cli.progress import EventLog

    EventLog(session.host.fs)(event)


def plan_sink(options: Globals) -> Sink:
    """Return what shows the plans of a preview."""
    from bsdvirt.plan.events import Planned
    from bsdvirt.plan.render import plan_as_shell

    if options.events:
        from bsdvirt.cli.events.feed import open_feed

        feed = open_feed()
    else:
        feed = None

    def show(event: Planned) -> None:
        text = plan_as_shell(event.plan)
        if options.json and options.asking is None:
            # It is part of the JSON.
            options.planned.append((event.plan.subject, text))
        else:
            print(text, end="")

    def sink(event: Event) -> None:
        if isinstance(event, Planned):
            (feed or show)(event)
            if options.asking is not None:
                options.asking.planned(event.plan)

    return sink


def chosen(
    session: Session, words: Sequence[str], *, every: bool, foreign: bool = False
) -> list[str]:
    """Return the selected guests; those given by name can be `foreign`. Raises as
    guest/select.py does."""
    return choose(session, session.inventory(shallow=True), words, every=every, foreign=foreign)


def choose(
    session: Session, found: Inventory, words: Sequence[str], *, every: bool, foreign: bool = False
) -> list[str]:
    """The same, of an inventory that was read."""
    if every and not words:
        return sorted(found.guests)
    if words and not every and _are_names(words):
        # Names are checked again under their locks, after unfinished operations are recovered.
        pending = session.pending("guest")
        known = pending | (set(found.foreign) if foreign else set())
        return sorted({w if w in known else found.guest(w).name for w in words})
    # Imported here: most commands name their guests.
    from bsdvirt.facts.jls import read_jails
    from bsdvirt.guest.select import needs_state, select
    from bsdvirt.guest.state import read_states

    jails = read_jails(session.host) if needs_state(words) else {}
    states = read_states(session.host.fs, found, jails)
    return select(words, found, states.of, every=every, foreign=foreign)


def _are_names(words: Sequence[str]) -> bool:
    return all(word.replace("-", "_").isidentifier() for word in words)


def _have_directories(session: Session, words: Sequence[str]) -> bool:
    """Whether all words are names, and have a guest's directory on a pool."""
    layouts, fs = session.pools.layouts, session.host.fs
    return (
        bool(words)
        and _are_names(words)
        and all(any(fs.exists(one.guest_directory(word)) for one in layouts) for word in words)
    )


def apply(options: Globals, request: Request, session: Session | None = None) -> int:
    """Carry out a request, print its outcomes and return the exit code."""
    from bsdvirt.session.prepared import carry_out

    return report(carry_out(session or open_session(options, changes=True), request), options)


def apply_one(options: Globals, request: Request, session: Session | None = None) -> int:
    """The same for a request about one object. Raises the error of its outcome."""
    from bsdvirt.session.prepared import carry_out_one

    session = session or open_session(options, changes=True)
    return report([carry_out_one(session, request)], options)


def apply_to_selected(
    options: Selection,
    request: Callable[[tuple[str, ...]], Request],
    session: Session | None = None,
    *,
    starts: bool = False,
) -> int:
    """Carry out the request for the selected guests. If it `starts` them, templates are left out
    unless they are named."""
    session = session or open_session(options, changes=True)
    words = sorted(set(options.guests))
    if _have_directories(session, words) and not options.all:
        # Whether they are guests is seen once they are locked.
        names = words
        session.named = tuple(sorted({*words} - session.pending("guest")))
    else:
        names = chosen(session, options.guests, every=options.all)
    if starts and not set(names) <= set(options.guests):
        guests = session.inventory(shallow=True).guests
        templates = {name for name, guest in guests.items() if guest.identity.template}
        names = [name for name in names if name not in templates - set(options.guests)]
    return apply(options, request(tuple(names)), session)


def report(outcomes: Sequence[Outcome], options: Globals) -> int:
    """Print the outcomes and return the exit code: that of the error of a single guest, or
    EXIT_FAILED for several guests."""
    if options.json and not (options.asking and options.dry_run):
        print_json(plain(_with_plans([_row(outcome) for outcome in outcomes], options.planned)))
    for outcome in outcomes:
        if outcome.error is not None:
            if options.asking is not None and options.dry_run:
                options.asking.refused(outcome.name, outcome.error)
            elif options.events or not options.json:
                tell(outcome.error, outcome.error.exit_code, outcome.name)
        elif not (options.quiet or options.json or options.dry_run):
            print(f"{outcome.name}: {outcome.message}")
            for note in outcome.notes:
                say(f"{outcome.name}: note: {note}")
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return EXIT_OK
    return errors[0].exit_code if len(outcomes) == 1 else EXIT_FAILED


def _row(outcome: Outcome) -> OutcomeRow:
    error = outcome.error
    return OutcomeRow(
        name=outcome.name,
        ok=outcome.ok,
        message=outcome.message if error is None else error.message,
        hint=error.hint if error else "",
        notes=list(outcome.notes),
    )


def _with_plans(rows: list[OutcomeRow], planned: Sequence[tuple[str, str]]) -> list[OutcomeRow]:
    """Return the rows with the plans of a dry run. That of another object, such as a network that
    a guest needs, is part of the row whose plan comes next."""
    if not planned:
        return rows
    of = {row.name: "" for row in rows}
    pending = ""
    for subject, text in planned:
        pending += text
        if subject in of:
            of[subject] += pending
            pending = ""
    if pending and of:
        of[rows[-1].name] += pending
    return [structs.replace(row, plan=of[row.name]) for row in rows]


def say_done(options: Globals, name: str, word: str) -> None:
    """Print a result such as `NAME: added`."""
    if not (options.quiet or options.dry_run):
        print(f"{name}: {word}")


def must_confirm(options: Globals, *, yes: bool) -> bool:
    """Whether to list what will be lost, for `confirm`."""
    if options.asking is not None:
        return options.dry_run
    return not (yes or options.dry_run)


def confirm(options: Globals, question: str, what: Sequence[str]) -> None:
    """List what will be lost, and ask for confirmation; --ask asks later. Raises UsageError
    without a terminal, or if the answer is not yes."""
    if options.asking is not None:
        mark = "" if options.events else "# "
        print("\n".join(f"{mark}{line}" for line in what))
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            f"{question} There is no terminal to confirm on, and --yes is not given", "add --yes"
        )
    for line in what:
        print(f"  {line}")
    if ask(f"{question} Type yes: ") != "yes":
        raise UsageError("not confirmed", "nothing was changed")
