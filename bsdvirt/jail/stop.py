"""The plan that stops a jail. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host import tools
from bsdvirt.jail.clean import clean_steps
from bsdvirt.jail.command import end_step
from bsdvirt.jail.datasets import names_of
from bsdvirt.jail.mounted import refuse_neighbours, sweep_step
from bsdvirt.layout import conf_file, job_file
from bsdvirt.plan.step import (
    Command,
    JailExists,
    Not,
    Plan,
    Step,
    Undo,
)
from bsdvirt.spec.jail import Jail
from bsdvirt.zfs.base import SWAP

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
    Raises ConflictError where another jail lives in its root, without `force`.
    """
    name = guest.name
    left = clean_steps(guest, facts, jail)
    if running_jail(guest, facts.jails) is None:
        return Plan("stop", name, finish=left, reason="not running", op=op, must_journal=False)
    if not force:
        # jail(8) would unmount the other's /dev with this one's.
        refuse_neighbours(guest, facts.jails.values())
    orderly = not force and conf_file(name) in facts.files
    main: tuple[Step, ...] = ()
    if job_file(name) in facts.files:
        left = clean_steps(guest, facts, jail, main_ended=True)
        seconds = timeout * MAIN_SHARE if orderly else 0.0
        main = (end_step(name, seconds),)
        timeout -= seconds
    ending = _ending(name, guest.root, timeout if orderly else None)
    finish = (*main, ending, *sweep_step(guest, jail, facts), *_unswap(guest, jail), *left)
    return Plan("stop", name, "guest", hooks, finish, op=op, must_journal=False)


def _unswap(guest: Guest, jail: Jail | None) -> Iterator[Step]:
    """Yield what keeps the host's next boot from taking volumes of the jail for swap."""
    own = [one.name for one in guest.datasets if one.jailed]
    tops = [one for one in own if one.rpartition("/")[0] not in own]
    for name in dict.fromkeys([*tops, *(names_of(guest, jail) if jail else ())]):
        yield Step(
            Command((tools.ZFS, "inherit", "-r", SWAP, name)),
            f"no volume in {name} becomes swap of the host",
            tolerant=True,
        )


def _ending(name: str, root: str, timeout: float | None) -> Step:
    remove = Command((tools.JAIL, "-R", name), timeout=REMOVE_SECONDS)
    there = JailExists(name, root)
    if timeout is None:
        return Step(remove, f"remove {name} at once", unless=Not(there), at_once=True)
    return Step(
        Command((tools.JAIL, "-f", conf_file(name), "-r", name), timeout=timeout),
        f"stop {name} within {timeout:.0f} s",
        remedy=(Undo(remove, there),),
        unless=Not(there),
        at_once=True,
    )
