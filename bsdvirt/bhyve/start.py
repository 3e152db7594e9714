"""The plan that starts a virtual machine. Pure."""

from __future__ import annotations

from bsdvirt.bhyve import config, supervise
from bsdvirt.bhyve.bootonce import Once, plan_once
from bsdvirt.bhyve.check import check, notes
from bsdvirt.bhyve.clean import clean_steps
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.base import Networks, RunSettings, VmStartFacts
from bsdvirt.bhyve.devices.firmware import firmware, variables_of
from bsdvirt.bhyve.stop import FORCE_SECONDS, is_up
from bsdvirt.bhyve.supervise import supervisor_argv
from bsdvirt.cpu.limits import outside
from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import bhyve_conf, guest_log_directory, run_file, vm_directory
from bsdvirt.plan.step import (
    Command,
    FileExists,
    MakeDirectory,
    Plan,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm

START_SECONDS = 3600.0
"""For a supervisor that hangs: it has its own limits, and waits longer while a user types at the
loader's prompt."""


def plan_start(
    guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts, op: str, *, boot: str = ""
) -> Plan:
    """Load modules, make what the devices need, write bhyve's configuration, and start the
    supervisor, each with its undo. With `boot` the guest boots from that drive or disk once.

    If bhyve runs and its supervisor died, only another supervisor is started. The guest's claims
    fit (see bhyve/claims.py). Raise ConflictError, UsageError or HostError for what would fail.
    """
    name = guest.name
    if facts.vm and facts.vm.runs and boot:
        raise ConflictError(f"{name} is running", f"bsdvirt stop {name}, and start it then")
    if facts.vm and facts.vm.supervised:
        return Plan("start", name, reason="already running", op=op)
    if facts.vm and facts.vm.runs:
        note = "running; its supervisor had died, and a new one was started"
        adopt = _adopt_step(name, facts.open_cpus)
        return Plan("start", name, steps=(adopt,), op=op, notes=(note,))
    prepared, once = _prepare(guest, vm, networks, facts, boot)
    steps = (*prepared, _supervisor_step(name, facts.open_cpus))
    return Plan("start", name, steps=steps, op=op, notes=_notes(guest, vm, facts, once))


def plan_run_foreground(
    guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts, op: str, *, boot: str = ""
) -> Plan:
    """Do all of a start but the supervisor, which is then run in the caller's foreground (see
    `foreground_argv`) and removes at its end what this makes."""
    if facts.vm and facts.vm.runs:
        return Plan("run", guest.name, reason="already running", op=op)
    prepared, once = _prepare(guest, vm, networks, facts, boot)
    found = _notes(guest, vm, facts, once)
    return Plan("run", guest.name, steps=tuple(prepared), op=op, notes=found)


def _notes(guest: Guest, vm: Vm, facts: VmStartFacts, once: Once) -> tuple[str, ...]:
    return (*notes(guest, vm, facts, once.boot), *([once.note] if once.note else []))


def foreground_argv(name: str) -> tuple[str, ...]:
    """Return the argument list of a supervisor in the foreground."""
    return supervisor_argv("foreground", name)


def _prepare(
    guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts, boot: str
) -> tuple[list[Step], Once]:
    check(guest, vm, facts)
    chosen = firmware(guest.name, vm, facts.paths)
    steps = clean_steps(guest.name, guest.identity.id, facts.host, facts.vmm.devices)
    steps += _module_steps(facts)
    for device in DEVICES:
        steps += device.start_steps(guest, vm, networks, facts)
    run = RunSettings(
        rom=chosen.rom if chosen else None,
        variables=variables_of(guest, chosen),
        password=facts.password,
        paths=facts.paths,
        networks=networks,
        order=tuple(map(str, vm.bootorder)) if chosen else (),
        domains=facts.vmm.domains,
    )
    once = plan_once(guest, vm, facts, chosen, run, boot) if boot else Once()
    return steps + _file_steps(guest, vm, run, once), once


def _module_steps(facts: VmStartFacts) -> list[Step]:
    """ifconfig(8) itself loads the modules of taps and bridges."""
    missing = [
        module
        for module, there in (("vmm", facts.vmm.usable), ("nmdm", facts.vmm.nmdm))
        if not there
    ]
    if not missing:
        return []
    return [Step(Command((tools.KLDLOAD, "-n", *missing)), "modules that bhyve needs")]


def _file_steps(guest: Guest, vm: Vm, run: RunSettings, once: Once) -> list[Step]:
    name = guest.name
    directory, logs = vm_directory(name), guest_log_directory(name)
    return [
        Step(MakeDirectory(directory, 0o700), "its run directory", unless=FileExists(directory)),
        Step(MakeDirectory(logs, 0o700), "its logs", unless=FileExists(logs)),
        Step(
            WriteFile(bhyve_conf(name), config.render(guest, vm, run), 0o600),
            "bhyve's configuration for this start",
            undo=(Undo(RemoveFile(bhyve_conf(name))),),
        ),
        *once.steps,
        Step(
            WriteFile(
                run_file(name), supervise.run_json(guest, vm, once.boot, first=once.conf), 0o600
            ),
            "the job of its supervisor",
            undo=(Undo(RemoveFile(run_file(name))),),
        ),
    ]


def _supervisor_step(name: str, cpus: CpuList | None) -> Step:
    stop = Command(
        supervisor_argv("stop", name, "--force"),
        ok=(0, supervise.NO_SUPERVISOR, supervise.FORCED),
        timeout=FORCE_SECONDS,
        own=True,
    )
    return Step(
        _supervisor(name, cpus),
        f"start {name}",
        undo=(Undo(stop, is_up(name)),),
    )


def _adopt_step(name: str, cpus: CpuList | None) -> Step:
    """There is no undo: the guest ran before."""
    return Step(_supervisor(name, cpus), f"another supervisor for {name}")


def _supervisor(name: str, cpus: CpuList | None) -> Command:
    argv = (*outside(cpus), *supervisor_argv("start", name))
    return Command(argv, timeout=START_SECONDS, own=True)
