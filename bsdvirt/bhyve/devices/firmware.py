"""UEFI firmware and its variables, of which each guest has its own copy. Pure.

The variables can be set aside, so that the next start makes new ones, and put back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from bsdvirt.bhyve.devices.base import Device, Missing, Networks, Pairs, RunSettings, VmStartFacts
from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.vmm import PathKind
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import first_variables
from bsdvirt.plan.step import Command, FileExists, Not, Plan, RemoveFile, Rename, Step, Undo
from bsdvirt.spec.vm import Vm

DIRECTORY = "/usr/local/share/uefi-firmware"
CODE = f"{DIRECTORY}/BHYVE_UEFI_CODE.fd"
VARIABLES = f"{DIRECTORY}/BHYVE_UEFI_VARS.fd"
WHOLE = f"{DIRECTORY}/BHYVE_UEFI.fd"
"""Firmware and variables in one file, as in older packages."""
PACKAGE = "edk2-bhyve"


class Firmware(Struct, frozen=True):
    """What runs first; the guest's variables are a copy of `template`."""

    rom: str
    template: str | None = None


def firmware(name: str, vm: Vm, paths: Mapping[str, PathKind]) -> Firmware | None:
    """Return the firmware; None for bhyveload(8). Raise HostError where there is none."""
    if vm.loader == "bhyveload":
        if tools.BHYVELOAD not in paths:
            raise HostError(
                f"there is no {tools.BHYVELOAD} on this host", f"bsdvirt set {name} loader=uefi"
            )
        return None
    if vm.firmware:
        return _own_firmware(name, vm, paths)
    template = VARIABLES if VARIABLES in paths else None
    if CODE in paths and template:
        return Firmware(CODE, template)
    if WHOLE in paths:
        return Firmware(WHOLE, template)
    if CODE in paths:
        return Firmware(CODE)
    raise HostError(
        f"{name}: there is no UEFI firmware on this host: {CODE} is missing",
        f"pkg install {PACKAGE}; a FreeBSD guest boots without it: bsdvirt set"
        f" {name} loader=bhyveload",
    )


def _own_firmware(name: str, vm: Vm, paths: Mapping[str, PathKind]) -> Firmware:
    if paths.get(str(vm.firmware)) != "file":
        raise HostError(
            f"{name}: firmware {vm.firmware} is not a file of this host",
            f"bsdvirt set {name} firmware= takes that of the package {PACKAGE}",
        )
    if vm.variables and paths.get(vm.variables) != "file":
        raise HostError(
            f"{name}: variables {vm.variables} is not a file of this host",
            f"bsdvirt set {name} variables=PATH corrects it",
        )
    return Firmware(str(vm.firmware), str(vm.variables) if vm.variables else None)


def variables_of(guest: Guest, chosen: Firmware | None) -> str | None:
    """Return the guest's copy of the variables; None for firmware that keeps none."""
    has = chosen is not None and chosen.template is not None
    return guest.layout.uefi_vars(guest.name) if has else None


class FirmwareDevice(Device):
    """The firmware of a guest, a device of the LPC bridge."""

    def settings(self, guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
        """Firmware and variables, by both of their names: 15 warns of the old ones where
        the new are not given too (bhyverun_machdep.c), and 13.2 knows only the old."""
        pairs: Pairs = []
        for key, path in (("bootrom", run.rom), ("bootvars", run.variables)):
            if path is not None:
                pairs += [(key, path), (f"lpc.{key}", path)]
        return pairs

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """The loader, each firmware, and the guest's variables."""
        own = [str(path) for path in (vm.firmware, vm.variables) if path]
        package = [tools.BHYVELOAD, CODE, VARIABLES, WHOLE]
        return [*package, *own, guest.layout.uefi_vars(guest.name)]

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """There is a firmware, or a loader."""
        firmware(guest.name, vm, facts.paths)

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """A firmware or a loader that does not exist."""
        try:
            firmware(guest.name, vm, paths)
        except HostError as error:
            yield Missing(error.message, error.hint)

    def notes(self, vm: Vm, facts: VmStartFacts) -> Iterator[str]:
        """Firmware that keeps no variables."""
        chosen = firmware("", vm, facts.paths)
        if chosen is not None and chosen.template is None and not vm.firmware:
            yield f"{chosen.rom} keeps no variables: {VARIABLES} does not exist"

    def start_steps(
        self, guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts
    ) -> list[Step]:
        """Copy the variables, where the guest has none yet."""
        chosen = firmware(guest.name, vm, facts.paths)
        path = variables_of(guest, chosen)
        if path is None or path in facts.paths or chosen is None or chosen.template is None:
            return []
        # -S writes a temporary file and renames it.
        return [
            Step(
                Command((tools.INSTALL, "-S", "-m", "0600", chosen.template, path)),
                "its own copy of the firmware's variables",
                undo=(Undo(RemoveFile(path)),),
                durable=True,
                unless=FileExists(path),
            )
        ]

    def files(self, name: str) -> list[tuple[str, str]]:
        """The variables of a run that booted from another disk once."""
        return [(first_variables(name), "a file of its last start")]


def kept(path: str) -> str:
    """Return where variables are set aside."""
    return f"{path}.kept"


def plan_reset(guest: Guest, files: Collection[str], op: str) -> Plan:
    """Set the variables aside, in place of any set aside before; `files` are those of the
    two that exist. The older ones are lost, so there is no undo: all of it rolls forward."""
    path = guest.layout.uefi_vars(guest.name)
    if path not in files:
        return Plan("uefi", guest.name, reason="its next start creates new variables", op=op)
    there = Not(FileExists(path))
    steps = (
        Step(RemoveFile(kept(path)), "the variables set aside before", durable=True, unless=there),
        Step(Rename(path, kept(path)), "its UEFI variables, aside", durable=True, unless=there),
    )
    finish = steps if kept(path) in files else steps[1:]
    return Plan("uefi", guest.name, finish=finish, op=op)


def plan_restore(guest: Guest, files: Collection[str], op: str) -> Plan:
    """Put back the variables that were set aside; the present ones are set aside instead.

    Raise ConflictError where none were.
    """
    path = guest.layout.uefi_vars(guest.name)
    if kept(path) not in files:
        raise ConflictError(
            f"{guest.name}: no variables were set aside", f"bsdvirt uefi reset {guest.name}"
        )
    between = f"{path}.new"
    moves = ((path, between), (kept(path), path), (between, kept(path)))
    steps = tuple(_move(old, new) for old, new in moves if path in files or old == kept(path))
    return Plan("uefi", guest.name, steps=steps, op=op)


def _move(old: str, new: str) -> Step:
    return Step(
        Rename(old, new),
        "its UEFI variables",
        undo=(Undo(Rename(new, old), FileExists(new)),),
        durable=True,
    )
