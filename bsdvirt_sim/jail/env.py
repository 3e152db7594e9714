"""env(1) before a hook in a jail, freebsd-update(8) or pkg(8). A hook of the host is a real
process: see kernel/hostprocess.py."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt_sim.context import Run, split_environment
from bsdvirt_sim.jail.probe import jexec


def env(run: Run, words: list[str]) -> int:
    """Run env(1): assignments and a command, with or without -i."""
    run.known = True
    assignments, command = split_environment(words[1:] if words[:1] == ["-i"] else words)
    if command[:1] == [tools.FREEBSD_UPDATE]:
        from bsdvirt_sim.tools.freebsdupdate import freebsd_update

        return freebsd_update(run, command[1:])
    if command[:1] == [tools.PKG]:
        from bsdvirt_sim.tools.pkg import pkg

        return pkg(run, dict(word.split("=", 1) for word in assignments), command[1:])
    if command[:1] != [tools.JEXEC]:
        raise run.unknown()
    return jexec(run, command[1:])
