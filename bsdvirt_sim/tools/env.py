"""env(1) before a hook: one in a jail runs in the simulated jail, one of the host's is a
real process (see really.py)."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt_sim.context import Run


def env(run: Run, words: list[str]) -> int:
    """env(1) with assignments and a command: with -i, with nothing else."""
    run.known = True
    command = split(words[1:] if words[:1] == ["-i"] else words)[1]
    if command[:1] != [tools.JEXEC]:
        raise run.unknown()
    # Not above: jexec.py takes such words apart with split().
    from bsdvirt_sim.jail.probe import jexec

    return jexec(run, command[1:])


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The assignments, and the command behind them."""
    count = next((n for n, word in enumerate(words) if "=" not in word), len(words))
    return words[:count], words[count:]
