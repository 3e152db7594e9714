"""Hooks: the files of the host's, looked at before they are run."""

from __future__ import annotations

import stat
from pathlib import Path

from bsdvirt.guest.hooks import hook_steps
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import HOOK_DIRECTORY
from bsdvirt.ops.create.root import read_holds
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.session import Session
from bsdvirt.spec.hooks import Event, EventHooks

WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def steps(
    session: Session,
    event: Event,
    hooks: EventHooks,
    guest: Guest,
    *,
    share: float = 1.0,
    heed: bool = True,
) -> tuple[Step, ...]:
    """The hooks of a guest at an event, as guest/hooks.py plans them; a file that cannot be
    run and may fail is told of, and left out. Raises HostError for one that may not."""
    wrong = {str(hook): why for hook in hooks.host if (why := problem(session, hook))}
    holds = read_holds(session.host.fs, guest.root)
    planned = hook_steps(event, hooks, guest, wrong, share=share, heed=heed, holds=holds)
    for hook, why in wrong.items():
        session.sink(events.Warned("", event, guest.name, f"hook {hook} was not run: {why}"))
    return planned


def run_stopped(
    session: Session, hooks: EventHooks, guest: Guest, share: float, heed: bool
) -> None:
    """Those of a guest that has stopped: nothing of that can be undone. Raises StepError
    where one fails that may not."""
    after = steps(session, "stopped", hooks, guest, share=share, heed=heed)
    if after:
        session.run(
            Plan("hooks", guest.name, "guest", after, op=session.new_op()), journalled=False
        )


def problem(session: Session, hook: str) -> str:
    """Why the file is not to be run as root; empty where it may be."""
    owner = session.host.owner_uid
    path = session.host.fs.path(f"{HOOK_DIRECTORY}/{hook}")
    if not path.exists():
        return f"{HOOK_DIRECTORY}/{hook} is not there"
    for directory in (path.parent.parent, path.parent):
        if why := _wrong(directory, owner):
            return f"{HOOK_DIRECTORY}, or what it is in, {why}"
    target = path.resolve()
    if target.parent != path.parent.resolve():
        return f"{HOOK_DIRECTORY}/{hook} is a link out of that directory"
    if not target.is_file():
        return f"{HOOK_DIRECTORY}/{hook} is no plain file"
    if why := _wrong(target, owner):
        return f"{HOOK_DIRECTORY}/{hook} {why}"
    if not target.stat().st_mode & stat.S_IXUSR:
        return f"{HOOK_DIRECTORY}/{hook} is not executable: chmod 755"
    return ""


def _wrong(path: Path, owner: int) -> str:
    """Whether somebody else than root may change it."""
    try:
        found = path.lstat()
    except OSError as error:
        return str(error.strerror)
    if stat.S_ISLNK(found.st_mode):
        return "is a link"
    if found.st_uid != owner:
        return "is not root's: chown root"
    if found.st_mode & WRITABLE:
        return "can be written by others: chmod go-w"
    return ""
