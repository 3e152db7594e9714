"""What is wrong with the host itself: its kernel, its rulesets, hooks that guests name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.cpu.limits import wanted_rules
from bsdvirt.facts.hooks import hook_problem
from bsdvirt.host import tools
from bsdvirt.kinds import KINDS
from bsdvirt.library.plans.releases import version_key
from bsdvirt.ops.doctor.seen import Seen
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.hooks import EVENTS as HOOK_EVENTS


def findings(session: Session, seen: Seen) -> Iterator[Finding]:
    """Everything that is to be said of the host."""
    yield from _modules(session, seen)
    yield from _kernel(session, seen)
    yield from _hooks(session, seen.specs)


def _modules(session: Session, seen: Seen) -> Iterator[Finding]:
    if not seen.networks:
        return
    for module in KINDS["jail"].modules:
        loaded = session.host.run((tools.KLDSTAT, "-q", "-m", module), changes=False)
        if loaded.status != 0 and not session.host.fs.exists(f"/boot/kernel/{module}.ko"):
            yield Finding(
                "kernel",
                f"{module} is neither loaded nor in /boot/kernel",
                f"install the kernel's modules, or build it with device {module}",
            )


def _kernel(session: Session, seen: Seen) -> Iterator[Finding]:
    known = seen.kernel
    yield from _installed(session, known.release)
    limited = [name for name, spec in seen.specs.items() if wanted_rules(spec.limits)]
    if not known.racct:
        yield Finding(
            "kernel",
            "resource accounting is off"
            + (f", and {', '.join(limited)} have limits" if limited else ": no limits"),
            "put kern.racct.enable=1 in /boot/loader.conf and reboot",
            problem=bool(limited),
        )
    if not known.forwards and seen.networks:
        yield Finding(
            "host",
            "IPv4 is not forwarded: guests of private networks reach the host and each other only",
            "sysrc gateway_enable=YES and service routing restart to give them access",
            problem=False,
        )


def _installed(session: Session, running: str) -> Iterator[Finding]:
    """Compare what is installed with the kernel that runs: an update before its reboot."""
    shown = session.host.run((tools.FREEBSD_VERSION, "-ku"), changes=False)
    lines = shown.stdout.split()
    if shown.status != 0 or len(lines) != 2:
        return
    kernel, userland = lines
    ours, theirs = version_key(running), version_key(userland)
    if ours and theirs and theirs > ours:
        yield Finding(
            "kernel",
            f"the host's userland {userland} is newer than the running kernel {running}: its tools"
            " may not work with it",
            "reboot, with the kernel of that release installed",
        )
    elif kernel != running:
        yield Finding(
            "kernel", f"{kernel} is installed, and {running} runs", "reboot", problem=False
        )


def _hooks(session: Session, specs: Mapping[str, GuestSpec]) -> Iterator[Finding]:
    for name, spec in specs.items():
        every = [spec.hooks.at(event) for event in HOOK_EVENTS]
        for hook in sorted({str(hook) for hooks in every for hook in hooks.host}):
            if why := hook_problem(session.host, hook):
                yield Finding(name, f"hook {hook} is not run: {why}", "correct the file")
