"""--ask: show what a verb would do, ask, and do exactly that.

The verb is run twice: as with --dry-run, and once more after the user has confirmed what that has
shown. Where all that it does is one prepared request, the plans that were shown are run, or others
are shown if the host has changed meanwhile (see session/prepared.py). Other verbs (boot, doctor,
downloads) show what --dry-run shows, and are then run.

No lock is held while the user is asked.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from bsdvirt.cli.output import ask
from bsdvirt.cli.parser import Globals, VerbModule
from bsdvirt.errors import BsdvirtError, Interrupted, UsageError
from bsdvirt.host.interrupt import SIGNALS
from bsdvirt.host.sanitize import shown
from bsdvirt.plan.events import Planned
from bsdvirt.session.batch import Outcome
from bsdvirt.session.prepared import ChangedError, Prepared, Request, confirm, preview
from bsdvirt.session.session import Session

if TYPE_CHECKING:
    from bsdvirt.plan.step import Plan

QUESTION = "Run this? [y/N] "
CHANGED = "the host has changed since this was shown; the new plan:"
CANCEL = b"cancel"
MOST_ANSWER = 1000
WAIT_SECONDS = 0.5


class Asked:
    """What was shown, and what is confirmed."""

    def __init__(self) -> None:
        self.changes = False
        """Whether the verb changes anything with these words; `expose` without ports does not."""
        self.confirmed: Prepared | None = None
        self._session: Session | None = None
        self._plans: list[Plan] = []

    def opened(self, session: Session, *, changes: bool) -> None:
        """Note the session of the verb, or have it run what was confirmed."""
        self.changes = changes
        session.shown = self.confirmed
        if session.preview:
            self._session = session
            if changes:
                # Said before the user is asked, not after.
                Session(session.host, session.interrupt).need_root()

    def planned(self, plan: Plan) -> None:
        """Note that a plan was shown."""
        self._plans.append(plan)

    def refused(self, name: str, error: BsdvirtError) -> None:
        """Show that nothing will be done to an object, unless nothing will be done at all: the verb
        then says so itself."""
        if not self.pointless:
            show_refusal(name, error)

    @property
    def prepared(self) -> Prepared | None:
        """Return what was prepared, if that is all that the verb does."""
        previewed = self._session.previewed if self._session is not None else []
        if len(previewed) != 1 or len(previewed[0].plans) != len(self._plans):
            return None
        found: Prepared = previewed[0]
        return found

    @property
    def pointless(self) -> bool:
        """Whether there is nothing to run."""
        return self.prepared is not None and all(plan.empty for plan in self._plans)


def run_asked(module: VerbModule, options: Globals) -> int:
    """Show what the verb does with these words, ask, and run it. Raises UsageError for a verb that
    changes nothing, and if the user does not confirm."""
    if not getattr(options, "plans", False):
        raise UsageError("--ask is for what can be shown by --dry-run", "omit --ask")
    if options.dry_run:
        return module.run(options)
    if getattr(module, "ASKS", False):
        # It asks itself.
        return module.run(options)
    options.asking = asked = Asked()
    options.dry_run = True
    with _result_kept_apart(options) as aside:
        status = module.run(options)
    options.dry_run = False
    if not asked.changes:
        # It only reads.
        return module.run(options) if options.json or options.events else status
    print(aside.getvalue(), end="", file=sys.stderr)
    if not asked.pointless:
        need_yes(options)
    asked.confirmed = asked.prepared
    while True:
        try:
            return module.run(options)
        except ChangedError as error:
            show_again(options, error.now)
            need_yes(options, changed=True)
            asked.confirmed = error.now


def carry_out_asked(options: Globals, session: Session, request: Request) -> list[Outcome]:
    """Show what a request does, ask, and do it, for a verb that asks itself."""
    shown, changed = preview(session, request), False
    while True:
        show_again(options, shown, changed=changed)
        need_yes(options, changed=changed)
        try:
            return confirm(session, request, shown)
        except ChangedError as error:
            shown, changed = error.now, True


@contextlib.contextmanager
def _result_kept_apart(options: Globals) -> Iterator[io.StringIO]:
    """Keep standard output for the result, if that is for a program: yield what else is printed
    there."""
    json, aside = options.json, io.StringIO()
    if not (json or options.events):
        yield aside
        return
    options.json = False
    with contextlib.redirect_stdout(aside):
        yield aside
    options.json = json


def show_refusal(name: str, error: BsdvirtError) -> None:
    """Show that nothing will be done to an object, and why."""
    from bsdvirt.cli.events.feed import feed
    from bsdvirt.cli.streams import one_line
    from bsdvirt.rows.events import Refused

    if (to := feed()) is not None:
        to.send(Refused(subject=shown(name), message=shown(error.message), hint=shown(error.hint)))
    else:
        print(f"# {name}: nothing is done: {one_line(error)}")


def show_again(options: Globals, now: Prepared, *, changed: bool = True) -> None:
    """Show the plans that take the place of those shown before."""
    from bsdvirt.cli.common import plan_sink

    with _result_kept_apart(options) as aside:
        if changed and not options.events:
            print(f"# {CHANGED}")
        show = plan_sink(options)
        for plan in now.plans:
            show(Planned(plan.op, plan.verb, plan.subject, plan))
        for outcome in now.outcomes:
            if outcome.error is not None:
                show_refusal(outcome.name, outcome.error)
    print(aside.getvalue(), end="", file=sys.stderr)


def need_yes(options: Globals, *, changed: bool = False) -> None:
    """Ask whether to run what was shown. Raises UsageError unless the user says yes, Interrupted
    for a signal meanwhile."""
    with _signals_end_it():
        answer = _answer(options, changed=changed)
    if not answer:
        raise UsageError("not confirmed", "nothing was changed")


def _answer(options: Globals, *, changed: bool) -> bool:
    from bsdvirt.cli.events.feed import feed
    from bsdvirt.rows.events import Ask

    if (to := feed()) is not None:
        to.send(Ask(changed=changed))
        return _line() == b"yes"
    terminal = sys.stderr if options.json else sys.stdout
    if not (sys.stdin.isatty() and terminal.isatty()):
        raise UsageError("there is no terminal to ask on", "omit --ask, or use --events json")
    with contextlib.redirect_stdout(terminal):
        return ask(QUESTION).lower() in ("y", "yes")


@functools.cache
def _answers() -> queue.SimpleQueue[bytes]:
    """Return the lines of standard input, as they come; empty at its end. A line `cancel` is not
    among them: it is as SIGINT, for a program on another host, from where no signal comes."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        # Signals are for the main thread: another one that gets them does not wake it.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        begun = b""
        while data := os.read(0, MOST_ANSWER):
            *whole, begun = (begun + data).split(b"\n")
            for line in whole:
                if line.strip() == CANCEL:
                    os.kill(os.getpid(), signal.SIGINT)
                else:
                    lines.put(line.strip())
            begun = begun[:MOST_ANSWER]
        lines.put(begun.strip())

    threading.Thread(target=read, name="answers", daemon=True).start()
    return lines


def _line() -> bytes:
    """Return a line of standard input. A signal that arrives just before the wait does not
    interrupt it: so it is a short one, again and again."""
    while True:
        with contextlib.suppress(queue.Empty):
            return _answers().get(timeout=WAIT_SECONDS)


@contextlib.contextmanager
def _signals_end_it() -> Iterator[None]:
    """Have a signal end the command as an error: nothing was begun."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Interrupted(f"interrupted by {signal.Signals(number).name}", "nothing was changed")

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
