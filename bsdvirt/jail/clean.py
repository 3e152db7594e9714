"""What a jail that runs no more may have left: interfaces, mounts, limits, files. Pure.

One planner serves stop, start, destroy and doctor. `jail -C` of later releases does less: it
unmounts what its jail.conf names, and knows neither epairs nor limits nor what a jail has mounted
itself (cleancommands in jail.c).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.rctl import jail_subject
from bsdvirt.guest.inventory import Guest, foreign_jail
from bsdvirt.guest.orphans import away
from bsdvirt.host import tools
from bsdvirt.jail.command import end_step
from bsdvirt.jail.mounted import left_mounts, stays_mounted
from bsdvirt.jail.stack import alias_steps, left_aliases
from bsdvirt.layout import (
    MAX_NICS,
    conf_file,
    epair,
    failed_file,
    guest_rules,
    host_end,
    jail_end,
    job_file,
    main_file,
    main_pipe,
    pf_file,
)
from bsdvirt.net.pf import unload_steps
from bsdvirt.plan.step import (
    Command,
    InterfaceExists,
    LimitsExist,
    Mounted,
    MountedBeneath,
    Not,
    RemoveFile,
    Step,
    Undo,
    UnmountBeneath,
)
from bsdvirt.spec.jail import Jail

BUSY_SECONDS = 10.0


def interfaces_of(guest_id: int) -> list[str]:
    """Every name that one end of the guest's epairs may have on the host."""
    names: list[str] = []
    for nic in range(MAX_NICS):
        cloner = epair(guest_id, nic)
        names += [host_end(guest_id, nic), f"{cloner}a", jail_end(guest_id, nic), f"{cloner}b"]
    return names


def clean_steps(
    guest: Guest, facts: HostFacts, jail: Jail | None = None, *, main_ended: bool = False
) -> tuple[Step, ...]:
    """Take away what there is of a jail that runs no more, or is about to: each step is
    passed over where its object has gone meanwhile. `jail` is its file, where it can be
    read."""
    name = guest.name
    steps: list[Step] = []
    if job_file(name) in facts.files:
        steps += [] if main_ended else [end_step(name, 0)]
        steps.append(Step(RemoveFile(job_file(name)), "its main command of its last start"))
    if main_file(name) in facts.files:
        steps.append(forget_main(name))
    if main_pipe(name) in facts.files:
        steps.append(Step(RemoveFile(main_pipe(name)), "what its main command printed into"))
    steps += _interfaces(guest, facts)
    steps += [unmount_step(path) for path in left_mounts(guest, jail, facts)]
    # A jail of that name that is not the guest's keeps its limits.
    limited = any(rule.subject == jail_subject(name) for rule in facts.rules)
    if limited and foreign_jail(guest, facts.jails) is None:
        steps.append(
            Step(
                Command((tools.RCTL, "-r", jail_subject(name))),
                "its limits",
                unless=Not(LimitsExist(jail_subject(name))),
                at_once=True,
            )
        )
    steps += alias_steps(guest, facts)
    if conf_file(name) in facts.files and not stays_mounted(guest, jail, facts):
        steps.append(Step(RemoveFile(conf_file(name)), "jail.conf of its last start"))
    if pf_file(guest_rules(name)) in facts.files:
        steps += unload_steps(guest_rules(name), "what it exposes")
    if failed_file(name) in facts.files:
        steps.append(forget_failure(name))
    return tuple(steps)


def as_stopped(guest: Guest, jail: Jail, facts: HostFacts) -> HostFacts:
    """What the host will show once a jail has stopped, and nothing of it is left."""
    name, gone = guest.name, set(interfaces_of(guest.identity.id))
    own = {
        conf_file(name), job_file(name), main_file(name), main_pipe(name),
        failed_file(name),
        pf_file(guest_rules(name)),
    }  # fmt: skip
    unmounted = set(left_mounts(guest, jail, facts))
    ours = {(alias.interface, alias.address) for alias in left_aliases(guest, facts)}
    interfaces = {
        face: replace(entry, addresses=tuple(a for a in entry.addresses if (face, a) not in ours))
        for face, entry in facts.interfaces.items()
        if face not in gone
    }
    if guest.name in facts.jails:
        # Those of the host that are the jail's now come back without addresses.
        passed = (str(name) for name in jail.interfaces)
        interfaces |= {face: Interface(face) for face in passed if face not in interfaces}
    return replace(
        facts,
        jails={n: j for n, j in facts.jails.items() if n != name or j.path != guest.root},
        interfaces=interfaces,
        mounts=[mount for mount in facts.mounts if mount.path not in unmounted],
        rules=[rule for rule in facts.rules if rule.subject != jail_subject(name)],
        files=facts.files - own,
        texts={path: text for path, text in facts.texts.items() if path not in own},
    )


def forget_main(name: str) -> Step:
    return Step(RemoveFile(main_file(name)), "the record of how its main command ended")


def forget_failure(name: str) -> Step:
    return Step(RemoveFile(failed_file(name)), "the record that its last start failed")


def _interfaces(guest: Guest, facts: HostFacts) -> Iterable[Step]:
    """Not one whose other end a jail has, where that jail is not the guest's: two guests of
    one id may exist until doctor gives one of them another."""
    seen: set[int] = set()
    jail = facts.jails.get(guest.name)
    own = jail is not None and jail.path == guest.root
    for index, interface in enumerate(interfaces_of(guest.identity.id)):
        nic = index // 4
        if not own and away(interface, facts):
            continue
        if interface in facts.interfaces and nic not in seen:
            seen.add(nic)
            yield Step(
                Command((tools.IFCONFIG, interface, "destroy")),
                f"its epair {interface}, both ends",
                unless=Not(InterfaceExists(interface)),
                at_once=True,
                retry=BUSY_SECONDS,
            )


def unmount_step(path: str) -> Step:
    """Unmount what a jail left; by force where that is what it takes. A jail's root may choose
    bytes that are no text for a name: what lies beneath the last part that is, is unmounted
    then, since a journal holds text."""
    text = path.encode("utf-8", "replace").decode()
    odd = next((n for n, (a, b) in enumerate(zip(path, text, strict=True)) if a != b), None)
    if odd is not None:
        known = path[:odd].rpartition("/")[0]
        return Step(
            UnmountBeneath(known),
            f"what is mounted beneath {known}, under a name that is not text",
            unless=Not(MountedBeneath(known)),
        )
    return Step(
        Command((tools.UMOUNT, path)),
        f"the mount on {path}",
        unless=Not(Mounted(path)),
        remedy=(Undo(Command((tools.UMOUNT, "-f", path)), Mounted(path)),),
    )
