"""Looking whether a jail is ready: jexec(8) without a terminal, and nc(1)."""

from __future__ import annotations

from bsdvirt.host.sim.context import Run
from bsdvirt.host.sim.inside_net import faces
from bsdvirt.host.sim.jailexec import Inside


def jexec(run: Run, words: list[str]) -> int:
    """jexec(8): a command that ends by itself."""
    if words[:2] == ["-U", "root"]:
        run.changes()
        words = words[2:]
    elif words[:3] == ["-l", "-U", "root"]:
        run.reads()
        words = words[3:]
    elif words[:1] == ["-l"]:
        run.reads()
        words = words[1:]
    elif run.declared is None:
        run.changes()
    if len(words) < 2 or words[0].startswith("-"):
        raise run.unknown()
    name, command = words[0], words[1:]
    jail = run.jail(name)
    if jail is None:
        raise run.fail(f'jexec: jail "{name}" not found')
    if command[:3] == ["/usr/bin/nc", "-z", "-w"]:
        return 0 if int(command[-1]) in run.state.listening.get(name, ()) else 1
    inside = Inside(run, jail, strict=False)
    inside.directory = "/root"
    status = inside.execute(command)
    for error, text in inside.said:
        (run.err if error else run.out).append(text)
    return status


def nc(run: Run, words: list[str]) -> int:
    """nc(1): whether a port answers."""
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
