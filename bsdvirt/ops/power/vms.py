"""Virtual machines: what is theirs of a start and of a stop; their buttons and console."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import msgspec

from bsdvirt.bhyve.check import wanted_paths
from bsdvirt.bhyve.clean import as_stopped, clean_steps
from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.devices.base import Taken, VmStartFacts
from bsdvirt.bhyve.devices.firmware import kept, plan_reset, plan_restore
from bsdvirt.bhyve.devices.framebuffer import vnc_address
from bsdvirt.bhyve.holds import written_paths
from bsdvirt.bhyve.start import foreground_argv, plan_run_foreground, plan_start
from bsdvirt.bhyve.stop import Act, plan_act, plan_stop, stop_step
from bsdvirt.bhyve.supervise import supervisor_argv
from bsdvirt.errors import BsdvirtError, ConflictError, UsageError
from bsdvirt.facts.host import HostFacts, Kernel, read_host, read_kernel
from bsdvirt.facts.vmm import VmmFacts, read_devices, read_order, read_paths, read_vmm
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest import forwards, logs
from bsdvirt.guest.inventory import Guest, Inventory, load_guest_file
from bsdvirt.layout import RUN_FILES, vm_directory
from bsdvirt.ops.network import pf as filtering
from bsdvirt.ops.power import hooks
from bsdvirt.ops.power.exclusive import claiming, names_of, other_uses
from bsdvirt.ops.power.jails import note_failure
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.session.batch import Held, Outcome, hold, in_parallel
from bsdvirt.session.session import Session
from bsdvirt.spec.hooks import Event
from bsdvirt.spec.hooks import seconds as hooks_seconds
from bsdvirt.spec.network import Network
from bsdvirt.spec.vm import Vm

Parts = Mapping[str, tuple[Guest, Vm]]
VNC_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
VNC_LENGTH = 8
"""What VNC uses of a password (rfb.c)."""
AFTER_SECONDS = 15
"""A stop by its policy may take that much longer than its timeout: force, and cleaning up."""
DEFAULT_STOP_SECONDS = 60 + AFTER_SECONDS
"""Where the guest's file cannot be read."""


def starter(
    session: Session,
    held: Held,
    found: Inventory,
    parts: Parts,
    networks: Mapping[str, Network],
    *,
    foreground: bool = False,
) -> Callable[[str], Outcome]:
    """What starts one of these, or (`foreground`) does all of a start but its supervisor; the
    host is read once, now. Safe for several threads."""
    planned = plan_run_foreground if foreground else plan_start
    host = read_host(session.host, *RUN_FILES, *map(vm_directory, parts))
    for name in session.stopped & parts.keys():
        host = as_stopped(parts[name][0], host)
    facts = _facts(session, found, host)
    exposes = any(vm.expose for _, vm in parts.values())
    pf = filtering.read(session) if exposes else None
    clashes = forwards.clashes(session.host.fs, found, parts, host) if exposes else {}

    def one(name: str) -> Outcome:
        guest, vm = parts[name]
        try:
            fact = None if name in session.stopped else read_vm(session.host.fs, name)
            idle = fact is None or not fact.runs
            if idle and name in clashes:
                raise clashes[name]
            told = _renew_seed(session, guest, vm, networks) if idle else ()
            claims = claiming(session, found, guest, vm if idle else None, foreground=foreground)
            with claims as taken:
                seen = facts(guest, vm, taken, idle)
                plan = planned(guest, vm, networks, seen, session.new_op(), boot=session.boot_from)
                if not plan.empty and idle:
                    plan = _hooked(session, plan, guest, vm, forwards.start_steps(guest, vm, pf))
                session.run(logs.for_start(session.host.fs, guest, plan))
        except BsdvirtError as error:
            note_failure(session, name, error)
            raise
        finally:
            held.release(name)
        told += forwards.notes(vm, guest, pf) if idle else ()
        return Outcome(name, _started(guest, vm, plan), notes=(*plan.notes, *told))

    return one


def _renew_seed(
    session: Session, guest: Guest, vm: Vm, networks: Mapping[str, Network]
) -> tuple[str, ...]:
    """The seed says what the guest is to be now: its addresses may be others since. What is
    to be known of it."""
    fs = session.host.fs
    seed = seeds.seed_of(guest.name, vm, guest.identity, networks, seeds.name_servers(fs))
    if seed is None:
        return ()
    started = seeds.has_started(fs, guest)
    renewed = seeds.plan_renewed(fs, guest, seed, session.new_op())
    if not renewed.empty:
        session.run(renewed)
    if not started:
        return seeds.lacks(guest.name, seed)
    return (seeds.AT_FIRST_BOOT,) if not renewed.empty and seed.cloud.system == "freebsd" else ()


def _facts(
    session: Session, found: Inventory, seen: HostFacts
) -> Callable[[Guest, Vm, Taken, bool], VmStartFacts]:
    host = session.host
    kernel: Kernel = read_kernel(host)
    vmm: VmmFacts = read_vmm(host)

    def of(guest: Guest, vm: Vm, taken: Taken, idle: bool) -> VmStartFacts:
        return VmStartFacts(
            host=seen,
            kernel=kernel,
            vmm=dataclasses.replace(
                vmm,
                devices=vmm.devices - session.stopped,
                order=read_order(host) if vm.bootorder or session.boot_from else None,
            ),
            vm=None if guest.name in session.stopped else read_vm(host.fs, guest.name),
            paths=read_paths(host.fs, wanted_paths(guest, vm)),
            password="".join(secrets.choice(VNC_LETTERS) for _ in range(VNC_LENGTH)),
            taken=taken,
            names=names_of(host.fs, written_paths(guest, vm)) if idle else {},
            used=other_uses(session, found, seen, guest, vm) if idle else {},
        )

    return of


def _hooked(session: Session, plan: Plan, guest: Guest, vm: Vm, exposed: Sequence[Step]) -> Plan:
    """The start between the hooks of its two events; its ports lead to it before the last."""

    def steps(event: Event) -> tuple[Step, ...]:
        return hooks.steps(session, event, vm.hooks.at(event), guest)

    return msgspec.structs.replace(
        plan, steps=(*steps("starting"), *plan.steps, *exposed, *steps("started"))
    )


def _started(guest: Guest, vm: Vm, plan: Plan) -> str:
    if plan.empty:
        return plan.reason
    addresses = guest.identity.addresses()
    said = "started" + (f", for {', '.join(addresses)}" if addresses else "")
    if vm.vnc.enabled:
        said += f", its screen by VNC at {vnc_address(guest, vm)}"
        said += f" (its password: bsdvirt info {guest.name})" if vm.vnc.auth != "none" else ""
    return said


def stop_one(
    session: Session,
    found: Inventory,
    facts: HostFacts,
    guest: Guest,
    *,
    force: bool = False,
    timeout: float | None = None,
    honor: bool = True,
) -> str:
    """Stop one virtual machine whose lock is held; what became of it, in words. Without
    `honor` no hook of its keeps it running."""
    vm = _spec(session, found, guest.name)
    fact = read_vm(session.host.fs, guest.name)
    own = float(vm.stop.timeout) if vm else float(DEFAULT_STOP_SECONDS - AFTER_SECONDS)
    seconds = timeout or own
    share = min(1.0, seconds / own)
    plan = plan_stop(
        guest, _with_files(session, facts, guest.name), fact, read_devices(session.host),
        session.new_op(), timeout=seconds, force=force,
        may_force=vm.stop.force if vm else True,
    )  # fmt: skip
    if vm and not force and not plan.reason:
        before = hooks.steps(
            session, "stopping", vm.hooks.stopping, guest, share=share, honor=honor
        )
        plan = msgspec.structs.replace(plan, steps=before)
    warned = session.run(plan)
    if vm and not plan.reason and (honor or not force):
        hooks.run_stopped(session, vm.hooks.stopped, guest, share, honor)
    return plan.reason or ("stopped by force" if warned or force else "stopped")


def end_waiting(
    session: Session,
    name: str,
    states: Sequence[str],
    *,
    force: bool = False,
    timeout: float | None = None,
    spare_protected: bool = False,
) -> bool:
    """End what another command waits for while it holds the guest's lock: a start, which
    then fails with "stopped while starting", or a stop, which then ends sooner. Whether the
    guest was in one of these states, and is ended.

    It is the guest's supervisor that is asked, so no lock is needed; it is left to the other
    command to undo what it has begun.
    """
    if session.dry_run or not is_held(session.host.fs, "guest", name):
        return False
    fact = read_vm(session.host.fs, name)
    if fact is None or not fact.supervised or fact.state not in states:
        return False
    vm = _spec(session, session.inventory(), name)
    if spare_protected and vm is not None and vm.protected:
        return False
    own = vm.stop.timeout if vm else DEFAULT_STOP_SECONDS - AFTER_SECONDS
    step = stop_step(
        name, timeout=timeout or own, force=force,
        may_force=vm.stop.force if vm else True,
    )  # fmt: skip
    session.run(Plan("stop", name, finish=(step,), op=session.new_op(), must_journal=False))
    return True


def stop_seconds(session: Session, found: Inventory, name: str) -> float:
    """The guest's own timeout, with what force, cleaning up and its hooks may take besides."""
    vm = _spec(session, found, name)
    if vm is None:
        return DEFAULT_STOP_SECONDS
    more = hooks_seconds(vm.hooks.stopping) + hooks_seconds(vm.hooks.stopped)
    return vm.stop.timeout + AFTER_SECONDS + more


def _spec(session: Session, found: Inventory, name: str) -> Vm | None:
    """The guest's file; None where it cannot be read, which must not keep it running."""
    try:
        spec = load_guest_file(session.host.fs, found.home(name), name)
    except BsdvirtError:
        return None
    return spec if isinstance(spec, Vm) else None


def _with_files(session: Session, facts: HostFacts, name: str) -> HostFacts:
    """The facts, with what is in the guest's run directory."""
    directory = vm_directory(name)
    files = {f"{directory}/{file}" for file in session.host.fs.listdir(directory)}
    return dataclasses.replace(facts, files=facts.files | files)


def clean_plan(session: Session, guest: Guest, facts: HostFacts) -> Plan:
    """What takes away all that a guest that runs no more has left."""
    left = clean_steps(
        guest.name, guest.identity.id, _with_files(session, facts, guest.name),
        read_devices(session.host),
    )  # fmt: skip
    return Plan("clean", guest.name, finish=tuple(left), op=session.new_op(), must_journal=False)


def supervise_plan(session: Session, guest: Guest) -> Plan:
    """Another supervisor for a guest whose own has gone."""
    command = Command(supervisor_argv("start", guest.name), own=True)
    step = Step(command, "another supervisor")
    return Plan("supervise", guest.name, finish=(step,), op=session.new_op(), must_journal=False)


# ---- buttons, console, foreground ----


def power(session: Session, names: Sequence[str], act: Act) -> list[Outcome]:
    """Press a button of running virtual machines."""
    done = {"reset": "reset", "pause": "paused", "resume": "goes on", "nmi": "interrupted"}
    with hold(session, names, act) as held:
        found = session.inventory()

        def one(name: str) -> Outcome:
            guest = _vm(found, name)
            plan = plan_act(guest, read_vm(session.host.fs, name), act, session.new_op())
            session.run(plan)
            return Outcome(name, plan.reason or done[act])

        outcomes = [*held.refused, *in_parallel(session, held.names(), one)]
    return sorted(outcomes, key=lambda outcome: outcome.name)


def change_variables(session: Session, name: str, *, back: bool) -> Outcome:
    """Put a stopped guest's UEFI variables aside, or (`back`) those back that were. Raises
    UsageError for one without UEFI, and ConflictError as refuse_left does."""
    with hold(session, [name], "uefi") as held:
        if held.refused and held.refused[0].error is not None:
            raise held.refused[0].error
        found = session.inventory()
        guest = _vm(found, name)
        session.need_mounted(found, guest.layout)
        refuse_left(session, name)
        vm = load_guest_file(session.host.fs, found.home(name), name)
        if not isinstance(vm, Vm) or vm.loader != "uefi":
            raise UsageError(f"{name} boots without UEFI", f"bsdvirt get {name} loader")
        path = guest.layout.uefi_vars(name)
        files = [file for file in (path, kept(path)) if session.host.fs.exists(file)]
        plan = (plan_restore if back else plan_reset)(guest, files, session.new_op())
        session.run(plan)
    done = "its variables are back" if back else "its variables are put aside"
    return Outcome(name, plan.reason or done)


def _vm(found: Inventory, name: str) -> Guest:
    """Raises UsageError for a jail, NotFoundError."""
    guest = found.guest(name)
    if guest.identity.kind != "vm":
        raise UsageError(f"{name} is a jail: that is for virtual machines", "bsdvirt ls kind:vm")
    return guest


def console(session: Session, name: str) -> int:
    """A running guest's console on the caller's terminal: its log so far, then live."""
    fact = read_vm(session.host.fs, _vm(session.inventory(), name).name)
    if fact is None or not fact.runs:
        raise ConflictError(
            f"{name} is not running", f"bsdvirt start {name}; bsdvirt console --log {name}"
        )
    if not fact.supervised:
        raise ConflictError(
            f"{name} runs, but its supervisor has gone", f"bsdvirt start {name} gives it another"
        )
    return session.host.attach(supervisor_argv("console", name, "--log-first"))


def refuse_left(session: Session, name: str) -> None:
    """Raises ConflictError where a virtual machine runs, or was killed and left something."""
    fact = read_vm(session.host.fs, name)
    if fact is not None and fact.runs:
        raise ConflictError(f"{name} is running", f"bsdvirt stop {name}")
    if fact is not None and fact.left:
        raise ConflictError(f"{name} was killed, and has left something", f"bsdvirt stop {name}")


def foreground(session: Session, name: str) -> NoReturn:
    """Become the supervisor of a guest that is prepared, until it has powered off."""
    session.host.replace(foreground_argv(name))
