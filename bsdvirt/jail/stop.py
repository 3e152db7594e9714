"""The plan that stops a jail. Pure."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.host.facts import HostFacts
from bsdvirt.jail.clean import clean_steps
from bsdvirt.jail.main import end_step
from bsdvirt.jail.mounts import own_places
from bsdvirt.plan.step import (
    Command,
    JailExists,
    MountedBeneath,
    Not,
    Plan,
    Step,
    Undo,
    UnmountBeneath,
)
from bsdvirt.spec.jail import Jail
from bsdvirt.store.guests import Guest, running_jail
from bsdvirt.store.layout import conf_file, job_file

REMOVE_SECONDS = 60.0
MAIN_SHARE = 0.75
"""Of the time, for a main command; the rest is for what else runs in its jail."""


def plan_stop(
    guest: Guest,
    facts: HostFacts,
    op: str,
    *,
    timeout: float,
    force: bool = False,
    hooks: tuple[Step, ...] = (),
    jail: Jail | None = None,
) -> Plan:
    """Stop in order with the very file of the start, by force where that fails or takes
    more than `timeout` seconds, then clean up what jail(8) leaves.

    `force` goes straight to removal, and so does a jail whose file is lost. Nothing of
    this can be undone, so all of it only rolls forward. `hooks` come before: where one of
    those fails the jail is left as it is. `jail` is the guest's file, where it can be read.
    """
    name = guest.name
    left = clean_steps(guest, facts, jail)
    if running_jail(guest, facts.jails) is None:
        return Plan("stop", name, finish=left, reason="not running", op=op, must_journal=False)
    orderly = not force and conf_file(name) in facts.files
    main: tuple[Step, ...] = ()
    if job_file(name) in facts.files:
        left = clean_steps(guest, facts, jail, main_ended=True)
        seconds = timeout * MAIN_SHARE if orderly else 0.0
        main = (end_step(name, seconds),)
        timeout -= seconds
    ending = _ending(name, guest.root, timeout if orderly else None)
    finish = (*main, ending, *left, *_unmounted(guest, jail))
    return Plan("stop", name, "guest", hooks, finish, op=op, must_journal=False)


def _unmounted(guest: Guest, jail: Jail | None) -> tuple[Step, ...]:
    """The jail may have mounted something since it was looked at."""
    root = guest.root
    if own_places(guest, jail) is not None:
        return ()
    whatever = f"whatever else is mounted in {root}"
    return (Step(UnmountBeneath(root), whatever, unless=Not(MountedBeneath(root))),)


def _ending(name: str, root: str, timeout: float | None) -> Step:
    remove = Command((tools.JAIL, "-R", name), timeout=REMOVE_SECONDS)
    there = JailExists(name, root)
    if timeout is None:
        return Step(remove, f"remove {name} at once", unless=Not(there))
    return Step(
        Command((tools.JAIL, "-f", conf_file(name), "-r", name), timeout=timeout),
        f"stop {name} in order, within {timeout:.0f} s",
        remedy=(Undo(remove, there),),
        unless=Not(there),
    )
