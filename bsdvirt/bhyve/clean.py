"""What a virtual machine that runs no more may have left: its vmm device, taps, files. Pure.

One planner serves stop, start, destroy and doctor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import (
    MAX_NICS,
    bhyve_conf,
    console_socket,
    failed_file,
    first_conf,
    first_variables,
    guest_rules,
    pf_file,
    run_file,
    state_file,
    tap,
    tap_cloner,
)
from bsdvirt.net.pf import unload_steps
from bsdvirt.plan.step import Command, FileExists, InterfaceExists, Not, RemoveFile, Step

BUSY_SECONDS = 10.0


def device(name: str) -> str:
    """The guest's device of vmm(4): it outlives bhyve, with the guest's memory."""
    return f"/dev/vmm/{name}"


def is_ours(name: str, files: Iterable[str]) -> bool:
    """Whether a vmm device of that name is of a start of ours: that start's files are there
    until all of it was taken away."""
    known = frozenset(files)
    return run_file(name) in known or state_file(name) in known


def interfaces_of(guest_id: int) -> list[str]:
    """Every name that a tap of the guest may have."""
    names: list[str] = []
    for nic in range(MAX_NICS):
        names += [tap(guest_id, nic), tap_cloner(guest_id, nic)]
    return names


def tap_destroys(guest_id: int, nics: int) -> list[tuple[str, ...]]:
    """The commands that take the guest's taps away."""
    return [(tools.IFCONFIG, tap(guest_id, nic), "destroy") for nic in range(nics)]


def clean_steps(name: str, guest_id: int, facts: HostFacts, devices: Iterable[str]) -> list[Step]:
    """Take away what there is of a guest that runs no more, or is about to: each step is
    passed over where its object has gone meanwhile.

    `devices` are the names in /dev/vmm; `facts.files` are those of the guest's run
    directory and of the notes of failures.
    """
    steps: list[Step] = []
    if name in devices and is_ours(name, facts.files):
        steps.append(destroy_device(name))
    steps += _taps(guest_id, facts)
    if pf_file(guest_rules(name)) in facts.files:
        steps += unload_steps(guest_rules(name), "what it exposes")
    steps += _files(name, facts)
    return steps


def as_stopped(guest: Guest, facts: HostFacts) -> HostFacts:
    """What the host will show once a guest has stopped, and nothing of it is left."""
    name, gone = guest.name, set(interfaces_of(guest.identity.id))
    own = {
        console_socket(name), bhyve_conf(name), state_file(name), run_file(name),
        failed_file(name), pf_file(guest_rules(name)),
    }  # fmt: skip
    return replace(
        facts,
        interfaces={face: f for face, f in facts.interfaces.items() if face not in gone},
        files=facts.files - own,
    )


def destroy_device(name: str) -> Step:
    return Step(
        Command((tools.BHYVECTL, f"--vm={name}", "--destroy")),
        f"its {device(name)}, with its memory",
        unless=Not(FileExists(device(name))),
        retry=BUSY_SECONDS,
    )


def forget_failure(name: str) -> Step:
    return Step(RemoveFile(failed_file(name)), "the note that its last start failed")


def _taps(guest_id: int, facts: HostFacts) -> Iterator[Step]:
    for interface in interfaces_of(guest_id):
        found = facts.interfaces.get(interface)
        # A process has it open: a guest of the same id runs, for as long as nobody has given
        # one of them another.
        if found is not None and not found.opened:
            yield Step(
                Command((tools.IFCONFIG, interface, "destroy")),
                f"its tap {interface}",
                unless=Not(InterfaceExists(interface)),
                retry=BUSY_SECONDS,
            )


def _files(name: str, facts: HostFacts) -> Iterator[Step]:
    """run.json last: it is what says that the device is ours. The locks' files stay, since
    a lock on a file that has lost its name would guard nothing."""
    if console_socket(name) in facts.files:
        yield Step(RemoveFile(console_socket(name)), "the console's socket")
    first = (first_conf(name), first_variables(name))
    for path in (*first, bhyve_conf(name), state_file(name), run_file(name)):
        if path in facts.files:
            yield Step(RemoveFile(path), "a file of its last start")
    if failed_file(name) in facts.files:
        yield forget_failure(name)
