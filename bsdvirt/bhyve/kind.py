"""Virtual machines, as one kind of guest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import structs

from bsdvirt.bhyve import claims, clean, config, doctor, running
from bsdvirt.bhyve.check import check_host, wanted_paths, wanted_words
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.create import archived_parts, change_volumes
from bsdvirt.bhyve.devices.base import RunSettings, VmStartFacts
from bsdvirt.bhyve.devices.disk import Disks, disk_path
from bsdvirt.bhyve.devices.framebuffer import new_password, vnc_address
from bsdvirt.bhyve.devices.tpm import has_tpm
from bsdvirt.bhyve.holds import read_taken, written_paths
from bsdvirt.bhyve.info import vm_fields
from bsdvirt.bhyve.start import plan_run_foreground, plan_start
from bsdvirt.bhyve.stop import plan_stop, stop_step
from bsdvirt.bhyve.supervise import supervisor_argv
from bsdvirt.cpu.limits import outside
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.facts.host import HostFacts, Kernel, read_kernel
from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.vmm import names, probe, read_devices, read_paths, read_vmm
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.claims import UNCLAIMED, RandomBytes
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.kind import Kind
from bsdvirt.guest.view import (
    Change,
    Cpus,
    Parts,
    Start,
    Starter,
    StopRequest,
    Surroundings,
    View,
)
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_conf, run_file, state_file, tap, vm_directory
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Command, Plan, RemoveFile, RemoveTree, Step
from bsdvirt.record import replace
from bsdvirt.rows.host import Finding
from bsdvirt.rows.vm import VmInfo
from bsdvirt.spec.config_keys import raw_devices
from bsdvirt.spec.hooks import seconds
from bsdvirt.spec.identity import Boot, Claim, Identity
from bsdvirt.spec.nic import SLIRP
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm
from bsdvirt.zfs.base import Dataset

AFTER_SECONDS = 15
"""A stop by its policy may take that much longer than its timeout: force, and cleaning up."""
DEFAULT_STOP_SECONDS = 60
"""Where the guest's file cannot be read."""


if TYPE_CHECKING:
    from bsdvirt.guest.archive.parts import Parts as Archived


class VmKind(Kind[Vm]):
    """A virtual machine: bhyve(8), its volumes, its taps."""

    name: Literal["vm"] = "vm"
    noun = "virtual machine"
    modules = ("vmm", "nmdm", "if_bridge", "if_tuntap")
    has_drives = True
    repeats_notes = False
    left = "is stopped, and has left a vmm device, taps or files"
    unwatched = (
        "runs without its supervisor: no console, and its end goes unnoticed",
        "give it another",
        "got another supervisor",
    )

    # ---- state ----

    def is_running(self, guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
        fact = read_vm(fs, guest.name)
        return fact is not None and fact.runs

    def refuse_left(self, fs: Fs, name: str) -> None:
        fact = read_vm(fs, name)
        if fact is not None and fact.runs:
            raise ConflictError(f"{name} is running", f"bsdvirt stop {name}")
        if fact is not None and fact.left:
            why = f"{name} was killed, and its leftovers remain"
            raise ConflictError(why, f"bsdvirt stop {name}")

    def port(self, guest_id: int, nic: int) -> str:
        return tap(guest_id, nic)

    def host_interfaces(self, guest_id: int) -> list[str]:
        return clean.interfaces_of(guest_id)

    def media(self, spec: Vm) -> Iterable[str]:
        return spec.media()

    def archived(self, spec: Vm) -> Archived:
        return archived_parts(spec)

    # ---- rows ----

    def info(self, view: View, guest: Guest, spec: Vm | None, fields: dict[str, Any]) -> VmInfo:
        return VmInfo(**fields, **vm_fields(view, guest, spec))

    def nic_fields(self, guest: Guest, claim: Claim, number: int) -> dict[str, Any]:
        port = {} if claim.network == SLIRP else {"tap": tap(guest.identity.id, number)}
        return {**port, "slot": claim.slot}

    # ---- CPUs ----

    def cpus_now(
        self, host: Host, guests: Sequence[Guest], jails: Mapping[str, JailFact]
    ) -> Mapping[str, Cpus]:
        facts = ((guest.name, read_vm(host.fs, guest.name)) for guest in guests)
        pids = {
            name: fact.said.pid
            for name, fact in facts
            if fact is not None and fact.runs and fact.said is not None and fact.said.pid
        }
        return running.cpus_now(host, pids)

    def cpus_wanted(self, spec: Vm) -> Cpus:
        return running.cpus_wanted(spec)

    # ---- claims ----

    def claims_fit(self, identity: Identity, spec: Vm) -> bool:
        return claims.fits(identity, spec)

    def claim(
        self,
        name: str,
        identity: Identity,
        spec: Vm,
        others: Iterable[Guest],
        random: RandomBytes,
        *,
        live: bool = False,
    ) -> Identity:
        return claims.fit(identity, spec, random)

    def exclusive(self, guest: Guest, spec: Vm) -> str:
        return config.render(guest, spec, RunSettings())

    def passed(self, spec: Vm) -> Collection[str]:
        return raw_devices(spec.config).host

    def disks(self, guest: Guest, spec: Vm) -> tuple[str, ...]:
        own = {disk_path(guest, disk) for disk in spec.disks if disk.path is None}
        return tuple(path for path in written_paths(guest, spec) if path not in own)

    def disks_in_use(self, fs: Fs, name: str) -> tuple[str, ...]:
        return tuple(read_taken(fs, [name]).of(Disks.uses))

    def own_datasets(self, guest: Guest, spec: Vm) -> dict[str, int | None]:
        own = [disk for disk in spec.disks if disk.path is None]
        return {guest.layout.disk(guest.name, disk.name): int(disk.size or 0) for disk in own}

    # ---- start ----

    def run_directories(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(vm_directory, names))

    def as_stopped(self, guest: Guest, spec: Vm, facts: HostFacts) -> HostFacts:
        return clean.as_stopped(guest, facts)

    def as_made(self, guest: Guest, spec: Vm) -> Guest:
        wanted = [guest.layout.disk(guest.name, disk.name) for disk in spec.disks if not disk.path]
        there = {dataset.name for dataset in guest.datasets}
        made = tuple(Dataset(name, "volume", 0, 0, 0) for name in wanted if name not in there)
        return replace(guest, datasets=(*guest.datasets, *made))

    def starter(
        self, view: View, parts: Parts, facts: HostFacts, *, foreground: bool = False
    ) -> Starter:
        host, fs = view.host, view.fs
        kernel, vmm = read_kernel(host), read_vmm(host)
        vmm = structs.replace(vmm, devices=vmm.devices - view.stopped)
        planned = plan_run_foreground if foreground else plan_start

        def start(guest: Guest, vm: Vm, around: Surroundings) -> Start:
            name = guest.name
            first: tuple[Plan, ...] = ()
            notes: tuple[str, ...] = ()
            if around.idle:
                first, notes = seeds.renewed(fs, guest, vm, view.networks, view.new_op())
            others = [n for n, g in view.found.guests.items() if g.identity.kind == self.name]
            near = vm.cpuset is not None and vm.cpuset.memory != "" and vm.loader == "uefi"
            paths = read_paths(
                fs, wanted_paths(guest, vm), guest.layout.guest_directory(guest.name)
            )
            seen = VmStartFacts(
                host=facts,
                kernel=kernel,
                vmm=probe(
                    host,
                    vmm,
                    order=bool(vm.bootorder or view.boot_from),
                    tpm=has_tpm(vm),
                    domains=near,
                    listens=vm.has_user_networking,
                    words=wanted_words(vm),
                ),  # fmt: skip
                vm=None if name in view.stopped else read_vm(fs, name),
                paths=paths | {guest.layout.seed(name): "file"} if first else paths,
                password=new_password(view.random(name)),
                taken=read_taken(fs, [other for other in others if other != name]),
                names={path: names(fs, path) for path in written_paths(guest, vm)}
                if around.idle
                else {},
                used=around.used,
                open_cpus=view.open_cpus,
            )
            plan = planned(guest, vm, view.networks, seen, view.new_op(), boot=view.boot_from)
            if around.idle and not plan.empty:
                steps = (*around.starting, *plan.steps, *around.exposed, *around.started)
                plan = structs.replace(plan, steps=steps)
            return Start(plan, lambda: _started(guest, vm, plan), first, notes)

        return start

    def console(self, host: Host, guest: Guest, term: str) -> tuple[str, ...]:
        """The log of its console so far, then the console."""
        name, fact = guest.name, read_vm(host.fs, guest.name)
        if fact is None or not fact.runs:
            raise ConflictError(
                f"{name} is not running", f"bsdvirt start {name}; bsdvirt console --log {name}"
            )
        if not fact.supervised:
            why = f"{name} runs, but its supervisor has ended"
            raise ConflictError(why, f"bsdvirt start {name} starts a new one")
        return supervisor_argv("console", name, "--log-first")

    def probes(self, fs: Fs, guest: Guest, boot: Boot) -> list[tuple[str, ...]]:
        if boot.ready_port is None:
            # Nothing can be run in it from here: check_ready refuses a command.
            return []
        knock = (tools.NC, "-z", "-w", "1")
        port = str(boot.ready_port)
        return [(*knock, address, port) for address in guest.identity.addresses()]

    def check_ready(self, name: str, spec: Vm, boot: Boot) -> None:
        if not boot.ready:
            return
        if boot.ready_port is None:
            raise UsageError(
                f"{name}: boot.ready: no command can be run in a virtual machine",
                "wait for a port, such as boot.ready=tcp:22",
            )
        if not any(
            nic.aliases or {nic.address, nic.address6} - set(UNCLAIMED) for nic in spec.nics
        ):
            raise UsageError(
                f"{name}: boot.ready: its address is not known, so its port cannot be checked",
                "set an address, such as nics.0.address=pool",
            )

    def watch_plan(self, view: View, guest: Guest, facts: HostFacts) -> Plan | None:
        fact = read_vm(view.fs, guest.name)
        if fact is None or fact.supervised:
            return None
        argv = (*outside(view.open_cpus), *supervisor_argv("start", guest.name))
        command = Command(argv, own=True)
        step = Step(command, "another supervisor")
        return Plan("supervise", guest.name, finish=(step,), op=view.new_op(), must_journal=False)

    # ---- stop ----

    def stop_seconds(self, spec: Vm | None) -> float:
        if spec is None:
            return DEFAULT_STOP_SECONDS + AFTER_SECONDS
        hooks = seconds(spec.hooks.stopping) + seconds(spec.hooks.stopped)
        return spec.stop.timeout + AFTER_SECONDS + hooks

    def stop_timeout(self, spec: Vm | None) -> float:
        return float(spec.stop.timeout if spec else DEFAULT_STOP_SECONDS)

    def plan_stop(
        self, view: View, facts: HostFacts, guest: Guest, spec: Vm | None, how: StopRequest
    ) -> Plan:
        plan = plan_stop(
            guest, _with_files(view.fs, facts, guest.name), read_vm(view.fs, guest.name),
            read_devices(view.host), view.new_op(), timeout=how.seconds, force=how.force,
            may_force=spec.stop.force if spec else True,
        )  # fmt: skip
        return plan if plan.reason else structs.replace(plan, steps=how.hooks)

    def forced(self, warnings: Sequence[str], how: StopRequest) -> bool:
        return bool(warnings) or how.force

    def plan_end(
        self,
        view: View,
        name: str,
        spec: Vm | None,
        states: Sequence[str],
        how: StopRequest | None,
    ) -> Plan | None:
        fact = read_vm(view.fs, name)
        if fact is None or not fact.supervised or fact.state not in states:
            return None
        step = stop_step(
            name, timeout=how.seconds if how else self.stop_timeout(spec),
            force=how.force if how else False, may_force=spec.stop.force if spec else True,
        )  # fmt: skip
        return Plan("stop", name, finish=(step,), op=view.new_op(), must_journal=False)

    def clean_steps(
        self, view: View, guest: Guest, spec: Vm | None, facts: HostFacts
    ) -> tuple[Step, ...]:
        name = guest.name
        seen = _with_files(view.fs, facts, name)
        steps = clean.clean_steps(name, guest.identity.id, seen, read_devices(view.host))
        left = tuple(step for step in steps if step != clean.forget_failure(name))
        # The state of a start that failed is alone where all else of it was taken away.
        alone = [step.do for step in left] == [RemoveFile(state_file(name))]
        return () if alone else left

    # ---- change and destroy ----

    def check_change(self, host: Host, guest: Guest, before: Vm, after: Vm) -> None:
        on_host = ("cpuset", "cpus", "pins", "memory", "wired", "limits")
        if any(getattr(before, name) != getattr(after, name) for name in on_host):
            check_host(guest.name, after, read_kernel(host), read_vmm(host))

    def plan_change(
        self,
        host: Host,
        guest: Guest,
        before: Vm,
        after: Vm,
        op: str,
        *,
        live: bool,
        destroying: frozenset[str] = frozenset(),
    ) -> Change:
        return change_volumes(guest, before, after, op, live=live, destroying=destroying)

    def live_steps(self, host: Host, guest: Guest, before: Vm, after: Vm) -> list[Step]:
        return running.live(host, guest, before, after)

    def watcher_steps(self, host: Host, guest: Guest, cpus: CpuList | None) -> list[Step]:
        return running.watcher_steps(host, guest.name, cpus)

    def reread_steps(self, host: Host, guest: Guest, before: Vm, after: Vm) -> list[Step]:
        conf, job = host.fs.read_or(bhyve_conf(guest.name)), host.fs.read_or(run_file(guest.name))
        return running.run_steps(guest, before, after, conf, job)

    def change_notes(
        self, view: View, guest: Guest, before: Vm, after: Vm, identity: Identity
    ) -> tuple[str, ...]:
        was, then = (before, guest.identity), (after, identity)
        return seeds.changed(view.fs, guest, view.networks, was, then)

    def last_steps(self, guest: Guest) -> tuple[Step, ...]:
        # Its locks are in there, and nobody is to take them by that name again.
        return (Step(RemoveTree(vm_directory(guest.name)), "its run directory"),)

    # ---- doctor ----

    def findings(
        self, view: View, facts: HostFacts, specs: Mapping[str, Vm], kernel: Kernel
    ) -> Iterator[Finding]:
        return doctor.findings(view, specs, kernel)

    def drift(
        self, view: View, guest: Guest, spec: Vm | None, facts: HostFacts, kernel: Kernel
    ) -> Iterator[Drift]:
        return running.read_drift(view, guest, spec, facts, kernel)


def _with_files(fs: Fs, facts: HostFacts, name: str) -> HostFacts:
    """Return the facts with the files of the guest's run directory."""
    directory = vm_directory(name)
    files = {f"{directory}/{file}" for file in fs.listdir(directory)}
    return structs.replace(facts, files=facts.files | files)


def _started(guest: Guest, vm: Vm, plan: Plan) -> str:
    """Return the message of a start."""
    if plan.empty:
        return plan.reason
    addresses = guest.identity.addresses()
    said = "started" + (f", for {', '.join(addresses)}" if addresses else "")
    if vm.vnc.enabled:
        said += f", its screen by VNC at {vnc_address(guest, vm)}"
        said += f" (its password: bsdvirt info {guest.name})" if vm.vnc.auth != "none" else ""
    return said
