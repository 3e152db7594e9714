"""The plans that stop a virtual machine, and that reset, pause, resume or interrupt one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from bsdvirt.bhyve import supervise
from bsdvirt.bhyve.clean import clean_steps
from bsdvirt.bhyve.supervise import supervisor_argv
from bsdvirt.errors import ConflictError
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.vms import VmFact
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import run_lock, supervisor_lock
from bsdvirt.plan.step import Command, Locked, Not, Plan, Step, Undo

STOP_SLACK = 60.0
"""Seconds beyond the timeout of the policy after which the supervisor itself is taken to hang:
it powers off and kills within a few."""
FORCE_SECONDS = 60.0
ACT_SECONDS = 30.0
Act = Literal["reset", "pause", "resume", "nmi"]
WHY: dict[Act, str] = {
    "reset": "reset the guest, as its button would",
    "pause": "stop its process with SIGSTOP: its clock stands still",
    "resume": "continue its process with SIGCONT",
    "nmi": "inject a non-maskable interrupt",
}


def plan_stop(
    guest: Guest,
    facts: HostFacts,
    vm: VmFact | None,
    devices: Iterable[str],
    op: str,
    *,
    timeout: float,
    force: bool = False,
    may_force: bool = True,
) -> Plan:
    """Stop the guest by its supervisor: by ACPI's power button, within `timeout` seconds, or at
    once (`force`); then clean up. Without `may_force` the stop fails if the guest does not stop
    in time.

    If the supervisor died before bhyve, its command does the same. None of this can be undone,
    so all of it rolls forward.
    """
    name = guest.name
    if vm is None or not vm.runs:
        left = clean_steps(name, guest.identity.id, facts, devices)
        return Plan(
            "stop", name, finish=tuple(left), reason="not running", op=op, must_journal=False
        )
    ending = stop_step(name, timeout=timeout, force=force, may_force=may_force)
    return Plan("stop", name, finish=(ending,), op=op, must_journal=False)


def stop_step(name: str, *, timeout: float, force: bool = False, may_force: bool = True) -> Step:
    """Return the step that stops a guest. The supervisor then removes the vmm device, the taps
    and the files.

    If force was needed, its exit status makes the step fail; the remedy then has nothing left to
    do, and the warning remains.
    """
    options = ("--force",) if force else ("--timeout", f"{timeout:.0f}")
    by_force = Command(
        supervisor_argv("stop", name, "--force"),
        ok=(0, supervise.FORCED),
        timeout=FORCE_SECONDS,
        own=True,
    )
    why = f"power {name} off at once" if force else f"stop {name}, within {timeout:.0f} s"
    return Step(
        Command(
            supervisor_argv("stop", name, *options),
            ok=(0, supervise.FORCED) if force else (0,),
            timeout=FORCE_SECONDS if force else timeout + STOP_SLACK,
            own=True,
        ),
        why,
        unless=Not(is_up(name)),
        remedy=(Undo(by_force, is_up(name)),) if may_force and not force else (),
    )


def is_up(name: str) -> Locked:
    """Return the condition that bhyve or its supervisor runs."""
    return Locked((run_lock(name), supervisor_lock(name)))


def plan_act(guest: Guest, vm: VmFact | None, act: Act, op: str) -> Plan:
    """Reset, pause, resume or interrupt a running guest.

    Raise ConflictError if it does not run.
    """
    name = guest.name
    if vm is None or not vm.runs:
        raise ConflictError(f"{name} is not running", f"bsdvirt start {name}")
    if not vm.supervised:
        raise ConflictError(
            f"{name} runs, and its supervisor has died", f"bsdvirt start {name} starts a new one"
        )
    paused = vm.state == "paused"
    if act in ("pause", "resume") and paused == (act == "pause"):
        reason = "already paused" if paused else "not paused"
        return Plan(act, name, reason=reason, op=op)
    command = Command(supervisor_argv(act, name), timeout=ACT_SECONDS, own=True)
    return Plan(act, name, finish=(Step(command, WHY[act]),), op=op, must_journal=False)
