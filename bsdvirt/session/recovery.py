"""Recover operations that were cut short: undo or finish them, or set their journals aside."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from bsdvirt.errors import BsdvirtError, HostError, NotFoundError, StepError
from bsdvirt.layout import HOOK_DIRECTORY, HOST_FILE, LOG_DIRECTORY, RUN_DIRECTORY, Layout
from bsdvirt.plan import events, journal
from bsdvirt.plan.bounds import Bounds
from bsdvirt.plan.locks import Kind, Lock, is_held
from bsdvirt.plan.step import Kind as Subject
from bsdvirt.rows.host import Finding
from bsdvirt.session.reading import Reading

GUEST_WAIT_SECONDS = 0.3
"""A guest's lock is not waited for; this outlasts a command that only looks at it."""
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOREIGN = "it was written on another host, and is not run here"


def bounds(layout: Layout) -> Bounds:
    """Return what the journals of a pool may do."""
    return Bounds(
        layout.dataset,
        layout.mountpoint,
        first=not layout.named,
        others=layout.siblings,
        places=(os.path.dirname(HOST_FILE), RUN_DIRECTORY, LOG_DIRECTORY),
        files=("/etc/pf.conf",),
        closed=(HOOK_DIRECTORY,),
        programs=PACKAGE,
    )


def read(session: Reading, path: str) -> journal.Entry | None:
    """Return a journal that may be run; None for an operation that has ended meanwhile.

    Raises HostError for one that cannot be read, or that acts outside its own pool.
    """
    entry = journal.read(session.host.fs, path)
    if entry is not None and not is_foreign(session, entry):
        state = os.path.dirname(path)
        home = next((one for one in session.pools.layouts if one.state == state), session.layout)
        if why := bounds(home).beyond(entry.plan):
            raise HostError(f"{path} is not run: {why}", aside_hint(path))
    return entry


def is_foreign(session: Reading, entry: journal.Entry) -> bool:
    """Return whether a journal was written on another host."""
    host = entry.header.host.strip().lower()
    return session.host_id != ("" if set(host) <= set("0-") else host)


def aside_hint(path: str) -> str:
    """Return the command that sets a journal aside."""
    return f"bsdvirt doctor --set-aside {_file(path)}"


def _file(path: str) -> str:
    return path.rpartition("/")[2]


def recover(session: Reading, kind: Kind, name: str, *, destroying: bool = False) -> int:
    """Finish or undo the operations on an object that were cut short; the caller has its lock.
    Return how many there were.

    Raises the first error once all were tried; with `destroying`, errors are only reported.
    """
    count = 0
    errors: list[BsdvirtError] = []
    for found_kind, found_name, path in session.journals():
        if (found_kind, found_name) != (kind, name):
            continue
        try:
            count += _recover_one(session, kind, name, path)
        except BsdvirtError as error:
            errors.append(error)
    if destroying:
        for one in errors:
            session.sink(events.Warned("", "mend", name, f"{one.message}; given up"))
    elif errors:
        raise errors[0]
    return count


def _recover_one(session: Reading, kind: Kind, name: str, path: str) -> int:
    entry = read(session, path)
    if entry is None:
        return 0
    if is_foreign(session, entry):
        session.sink(events.Warned("", "mend", name, f"{path}: {FOREIGN}; {aside_hint(path)}"))
        return 0
    with _locks_besides(session, kind, name, entry):
        # The command that had one of those may have recovered it.
        entry = read(session, path)
        if entry is None:
            return 0
        _run_recovery(session, entry)
    return 1


@contextlib.contextmanager
def _locks_besides(session: Reading, kind: Kind, name: str, entry: journal.Entry) -> Iterator[None]:
    """Take the locks of the other objects of the operation."""
    others = {entry.plan.subject, *entry.plan.also} - {name}
    with contextlib.ExitStack() as stack:
        for other in sorted(others):
            lock = Lock(session.host.fs, kind, other)
            stack.enter_context(lock.acquire(f"correct {name}", wait=GUEST_WAIT_SECONDS))
        yield


def _run_recovery(session: Reading, entry: journal.Entry) -> None:
    from bsdvirt.plan.recover import recover as run

    plan = entry.plan
    about = (plan.op, plan.verb, plan.subject)
    session.sink(
        events.Warned(*about, f"recovering {plan.verb} {plan.subject}, which was interrupted")
    )
    began = time.monotonic()
    try:
        with session.interrupt.shielded():
            run(
                session.host,
                entry,
                lambda do, why: session.sink(events.Undone(*about, do, why)),
            )
    except StepError as error:
        error.hint = f"correct that and run bsdvirt doctor --repair; or {aside_hint(entry.path)}"
        took = time.monotonic() - began
        session.sink(events.Recovered(*about, plan.kind, took, error.message, error.hint))
        raise
    finally:
        session.forget_pools()
    session.sink(events.Recovered(*about, plan.kind, time.monotonic() - began))


def supersede(session: Reading, kind: Kind, name: str) -> None:
    """Drop the journals of an object that was just destroyed: there is nothing left to undo or to
    finish. The caller has its lock. Journals of other hosts are kept."""
    if session.preview:
        return
    for found_kind, found_name, path in session.journals():
        if (found_kind, found_name) != (kind, name):
            continue
        try:
            entry = journal.read(session.host.fs, path)
        except HostError:
            journal.set_aside(session.host.fs, path, None)
            continue
        if entry is not None and not is_foreign(session, entry):
            journal.drop(session.host.fs, entry)


def findings(session: Reading) -> Iterator[Finding]:
    """Report the journals of operations that are not under way, and those that were set aside."""
    for kind, name, path in session.journals():
        if not is_held(session.host.fs, kind, name):
            yield finding(session, name, path)
    for layout in session.pools.layouts:
        for path in journal.aside(session.host.fs, layout.state):
            yield Finding(
                layout.name,
                f"a journal was set aside: {path}",
                f"read it, and rm {path} when it is no longer needed",
                problem=False,
            )


def finding(session: Reading, name: str, path: str) -> Finding:
    """Report the journal of an operation that is not under way."""
    try:
        entry = read(session, path)
    except HostError as error:
        return Finding(name, error.message, error.hint)
    if entry is not None and is_foreign(session, entry):
        what = f"{entry.plan.verb} {entry.plan.subject}"
        return Finding(name, f"{path}: {what}, cut short: {FOREIGN}", aside_hint(path))
    return Finding(
        name,
        f"an operation was cut short: {path}",
        "bsdvirt doctor --repair",
        repair="undo or finish it",
    )


# ---- set aside ----


def to_set_aside(session: Reading, word: str) -> tuple[Subject, str, str]:
    """Return the journal of that path, file name or object.

    Raises NotFoundError.
    """
    every = session.journals()
    found = [one for one in every if word in (one[2], _file(one[2]), one[1])]
    if not found:
        known = ", ".join(_file(path) for _, _, path in every) or "none"
        raise NotFoundError(f"no journal {word}; available: {known}", "bsdvirt doctor")
    return found[0]


def set_aside(session: Reading, word: str) -> list[str]:
    """Rename a journal, so that nothing runs it; return what it would have done, as shell, a line
    each.

    Raises ConflictError while its operation is under way.
    """
    kind, name, path = to_set_aside(session, word)
    fs = session.host.fs
    if session.preview:
        return _would_do(session, path)
    with Lock(fs, kind, name).acquire("doctor --set-aside", wait=GUEST_WAIT_SECONDS):
        lines = _would_do(session, path)
        try:
            entry = journal.read(fs, path)
        except HostError:
            entry = None
        kept = journal.set_aside(fs, path, entry)
    return [*lines, f"# kept as {kept}"]


def _would_do(session: Reading, path: str) -> list[str]:
    from bsdvirt.plan.recover import pending_finish, pending_undo
    from bsdvirt.plan.render import shell

    try:
        entry = journal.read(session.host.fs, path)
    except HostError as error:
        return [f"# {error.message}"]
    if entry is None:
        return []
    plan, boot = entry.plan, session.host.boot_id()
    what = "finish" if entry.committed else "undo"
    lines = [f"# {plan.verb} {plan.subject}, cut short; to {what} it:"]
    if is_foreign(session, entry):
        lines.insert(0, f"# {path}: {FOREIGN}")
    if entry.committed:
        lines += [shell(step.do) for step in pending_finish(entry, boot)]
    else:
        lines += [shell(undo.do) for undo in pending_undo(entry, boot)]
    return lines
