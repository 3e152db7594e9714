"""What a virtual machine that stopped may have left: its vmm device, interfaces, files. Pure.

One planner serves stop, start, destroy and doctor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import (
    bhyve_conf,
    failed_file,
    first_conf,
    guest_rules,
    pf_file,
    run_file,
    state_file,
)
from bsdvirt.net.pf import unload_steps
from bsdvirt.plan.step import Command, FileExists, InterfaceExists, Not, RemoveFile, Step

BUSY_SECONDS = 10.0


def device(name: str) -> str:
    """Return the guest's device of vmm(4): it outlives bhyve, with the guest's memory."""
    return f"/dev/vmm/{name}"


def is_ours(name: str, files: Iterable[str]) -> bool:
    """Return whether a vmm device of that name was made by a start of ours: its files exist
    until everything else has been removed."""
    known = frozenset(files)
    return run_file(name) in known or state_file(name) in known


def interfaces_of(guest_id: int) -> list[str]:
    """Return every name that an interface of the guest may have."""
    return [name for device in DEVICES for name in device.interfaces(guest_id)]


def clean_steps(name: str, guest_id: int, facts: HostFacts, devices: Iterable[str]) -> list[Step]:
    """Remove what a guest that does not run has left. Each step is skipped where its object
    no longer exists.

    `devices` are the names in /dev/vmm; `facts.files` are those of the guest's run
    directory, and the notes of failures.
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
    """Return what the host will show once a guest has stopped and nothing of it is left."""
    name, gone = guest.name, set(interfaces_of(guest.identity.id))
    own = {*dict(_files_of(name)), failed_file(name), pf_file(guest_rules(name))}
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
    return Step(RemoveFile(failed_file(name)), "the record that its last start failed")


def _files_of(name: str) -> list[tuple[str, str]]:
    """run.json last: it is what shows that the device is ours. The files of locks stay, since
    a lock on an unlinked file would protect nothing."""
    devices = [file for device in DEVICES for file in device.files(name)]
    own = (first_conf(name), bhyve_conf(name), state_file(name), run_file(name))
    return [*devices, *((path, "a file of its last start") for path in own)]


def _taps(guest_id: int, facts: HostFacts) -> Iterator[Step]:
    for interface in interfaces_of(guest_id):
        found = facts.interfaces.get(interface)
        # A process has it open: another guest of the same id runs.
        if found is not None and not found.opened:
            yield Step(
                Command((tools.IFCONFIG, interface, "destroy")),
                f"its tap {interface}",
                unless=Not(InterfaceExists(interface)),
                retry=BUSY_SECONDS,
            )


def _files(name: str, facts: HostFacts) -> Iterator[Step]:
    for path, what in _files_of(name):
        if path in facts.files:
            yield Step(RemoveFile(path), what)
    if failed_file(name) in facts.files:
        yield forget_failure(name)
