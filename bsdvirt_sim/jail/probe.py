"""Probes of a jail's readiness: jexec(8) without a terminal, and nc(1)."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.jail.commands import Inside
from bsdvirt_sim.jail.jexec import called
from bsdvirt_sim.jail.network import faces


def jexec(run: Run, words: list[str]) -> int:
    """Run jexec(8) of a command that ends by itself. Its caller knows whether it changes
    anything."""
    run.known = True
    call, jail, entered = called(run, run.argv)
    if call.command[:3] == ["/usr/bin/nc", "-z", "-w"]:
        return 0 if int(call.command[-1]) in run.state.listening.get(call.name, ()) else 1
    inside = Inside(run, jail, strict=False, entered=entered)
    status = inside.execute(call.command)
    for error, text in inside.said:
        (run.err if error else run.out).append(text)
    return status


def nc(run: Run, words: list[str]) -> int:
    """Run nc(1): whether a port answers."""
    run.reads()
    match words:
        case ["-z", "-w", "1", address, port] if port.isdigit():
            for jail in run.state.jails.values():
                if jail.dying or int(port) not in run.state.listening.get(jail.name, ()):
                    continue
                for face in faces(run, jail):
                    if any(entry.address == address for entry in face.addresses):
                        return 0
            return 1
    raise run.unknown()
