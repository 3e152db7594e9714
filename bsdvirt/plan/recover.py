"""Recovery: undo an unfinished operation, or, if it is committed, finish it.

The caller holds the lock of the operation's object: an operation whose owner still holds it is in
progress.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from bsdvirt.errors import StepError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.plan.act import act_patiently, take_back
from bsdvirt.plan.conditions import holds
from bsdvirt.plan.journal import Entry, drop
from bsdvirt.plan.satisfied import is_satisfied
from bsdvirt.plan.step import Action, Command, Pipeline, Step, Undo

ORPHAN_SECONDS = 10.0
"""Time for a command that was left running to end after a signal."""
CLOCK_SECONDS = 5.0
COLUMNS = ("pid", "sid", "uid", "jid", "etimes", "args")

Tell = Callable[[Action, str], None]


def pending_undo(entry: Entry, boot: str) -> list[Undo]:
    """Return the steps to undo, last first. Volatile steps are gone if the host was rebooted."""
    same_boot = entry.header.boot == boot
    undos: list[Undo] = []
    for index in sorted(entry.begun, reverse=True):
        if index < len(entry.plan.steps):
            step = entry.plan.steps[index]
            if step.durable or same_boot:
                undos += step.undo
    return undos


def pending_finish(entry: Entry, boot: str) -> tuple[Step, ...]:
    """Return the steps that a committed operation has still to do; volatile ones only in the same
    boot."""
    first = len(entry.plan.steps)
    same_boot = entry.header.boot == boot
    return tuple(
        step
        for index, step in enumerate(entry.plan.finish, first)
        if index not in entry.done and (step.durable or same_boot)
    )


def recover(host: Host, entry: Entry, tell: Tell) -> None:
    """Undo or finish one operation, and delete its journal. Raises StepError if that fails; the
    journal then stays."""
    if entry.ended:
        drop(host.fs, entry)
        return
    if entry.header.boot == host.boot_id():
        _end_orphans(host, entry)
    if entry.committed:
        for step in pending_finish(entry, host.boot_id()):
            if (step.unless is None or not holds(host, step.unless)) and not is_satisfied(
                host, step.do
            ):
                _finish(host, step, tell)
    else:
        failures = take_back(host, tuple(pending_undo(entry, host.boot_id())), tell)
        if failures:
            raise StepError(
                f"{entry.plan.verb} {entry.plan.subject}, cut short, cannot be undone: "
                + "; ".join(failure.message for failure in failures),
                f"the journal is {entry.path}",
            )
    drop(host.fs, entry)


def _finish(host: Host, step: Step, tell: Tell) -> None:
    try:
        act_patiently(host, step.do, step.retry)
        tell(step.do, "")
    except StepError as error:
        if step.tolerant:
            return
        if not step.remedy:
            raise
        if failures := take_back(host, step.remedy, tell):
            raise failures[0] from error


def _end_orphans(host: Host, entry: Entry) -> None:
    """End the command that a killed bsdvirt left running. Raises StepError if no signal ends it."""
    actions = [step.do for step in entry.under_way()]
    actions += [undo.do for step in entry.begun_steps() for undo in (*step.undo, *step.remedy)]
    lines = {as_ps_shows(argv) for action in actions for argv in _commands(action)}
    if not lines:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + ORPHAN_SECONDS
        while running := _running(host, lines, entry.header.began):
            if time.monotonic() > deadline:
                break
            for pid in running:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)
            time.sleep(0.1)
        else:
            return
    raise StepError(
        f"{entry.plan.verb} {entry.plan.subject}, cut short: process {running[0]} is still running,"
        " and does not end on a signal",
        f"procstat -kk {running[0]} shows what it waits for; try again when it has ended",
    )


def as_ps_shows(argv: tuple[str, ...]) -> str:
    """Return an argument list as ps(1) shows it: joined by blanks, unquoted."""
    return " ".join(argv)


def _commands(action: Action) -> list[tuple[str, ...]]:
    match action:
        case Command(argv=(tools.ENV, *words)):
            # It became the command behind its assignments.
            return [tuple(word for word in words if "=" not in word.split("/")[0])]
        case Command(argv=argv):
            return [argv]
        case Pipeline(left=left, right=right):
            return [left, right]
        case _:
            return []


def _running(host: Host, lines: set[str], began: float) -> list[int]:
    """Return the processes with this argument list that can be bsdvirt's: of root, in no jail, a
    session leader as each command is started, and no older than the operation."""
    words = [word for column in COLUMNS for word in ("-o", f"{column}=")]
    shown = host.run((tools.PS, "-axww", *words), changes=False).stdout
    most = time.time() - began + CLOCK_SECONDS
    found = []
    for line in shown.splitlines():
        parts = line.split(maxsplit=len(COLUMNS) - 1)
        if len(parts) != len(COLUMNS) or not all(text.isdigit() for text in parts[:-1]):
            continue
        pid, session, user, jail, age = map(int, parts[:-1])
        args = parts[-1]
        if (session, user, jail) != (pid, os.geteuid(), 0) or age > most:
            continue
        # A script is shown behind its interpreter.
        if args.strip() in lines or args.partition(" ")[2].strip() in lines:
            found.append(pid)
    return found
