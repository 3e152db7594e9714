"""A start that boots from one drive or disk once: at the next reboot, the guest's own order is
in effect again. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.bhyve import config
from bsdvirt.bhyve.check import knows_order
from bsdvirt.bhyve.devices.base import BootSource, RunSettings, VmStartFacts
from bsdvirt.bhyve.devices.firmware import Firmware
from bsdvirt.bhyve.devices.storage import on_controller
from bsdvirt.errors import HostError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import first_conf, first_variables
from bsdvirt.plan.step import Command, RemoveFile, Step, Undo, WriteFile
from bsdvirt.spec.vm import Vm


class Once(Struct, frozen=True):
    """What is different in the first run of a start."""

    boot: str = ""
    """The drive or disk that it boots from."""
    conf: bool = False
    """Whether that run has its own configuration of bhyve."""
    steps: tuple[Step, ...] = ()
    note: str = ""


def plan_once(
    guest: Guest,
    vm: Vm,
    facts: VmStartFacts,
    chosen: Firmware | None,
    run: RunSettings,
    boot: str,
) -> Once:
    """Return how the guest boots from `boot` once. bhyveload(8) has an option for it; UEFI gets
    a boot order from bhyve where that supports one, and otherwise variables without an order for
    that run.

    Raise UsageError where there is no such drive, and HostError where it is impossible.
    """
    name = guest.name
    sources = config.boot_sources(guest, vm)
    source = _source(guest, sources, boot)
    if chosen is None:
        return Once(boot, note=f"boots from {boot} once")
    order = (boot, *(str(one) for one in vm.bootorder if one != boot))
    if knows_order(facts.vmm):
        text = config.render(guest, vm, replace(run, order=order))
        note = f"boots from {boot} once, if its firmware reads bhyve's boot order"
        if on_controller(source.node) and (others := _beside(sources, boot)):
            note += f"; {', '.join(others)} of the same controller may come before it"
        return Once(boot, conf=True, steps=(_conf_step(name, text),), note=note)
    if chosen.template is None:
        raise HostError(
            f"{name}: bhyve of this FreeBSD has no boot order, and its firmware {chosen.rom}"
            " keeps no variables",
            "choose in the firmware's own menu (Esc at the start, on the screen)",
        )
    variables = first_variables(name)
    text = config.render(guest, vm, replace(run, variables=variables, order=()))
    fresh = Step(
        Command((tools.INSTALL, "-S", "-m", "0600", chosen.template, variables)),
        "fresh UEFI variables for its first run",
        undo=(Undo(RemoveFile(variables)),),
    )
    note = (
        "bhyve of this FreeBSD has no boot order: the guest gets new UEFI variables for this start,"
        f" so that its firmware looks at {boot} again; its own variables are kept"
    )
    return Once(boot, conf=True, steps=(fresh, _conf_step(name, text)), note=note)


def _source(guest: Guest, sources: list[BootSource], boot: str) -> BootSource:
    source = next((one for one in sources if one.name == boot), None)
    if source is None:
        there = ", ".join(one.name for one in sources)
        raise UsageError(f"{guest.name}: no disk or drive {boot}", f"it has {there or 'none'}")
    if not source.path:
        raise UsageError(f"{guest.name}: the drive {boot} is empty", source.fill)
    return source


def _beside(sources: list[BootSource], boot: str) -> list[str]:
    """Return the other disks of the AHCI controller."""
    return [
        one.name
        for one in sources
        if on_controller(one.node) and not one.removable and one.name != boot
    ]


def _conf_step(name: str, text: str) -> Step:
    path = first_conf(name)
    return Step(
        WriteFile(path, text, 0o600),
        "bhyve's configuration for its first run",
        undo=(Undo(RemoveFile(path)),),
    )
