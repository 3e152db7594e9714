"""A tool of a simulated host as a process: `python -m bsdvirt_sim.tool DIR TOOL …`.

Arguments that name a file below DIR/root name it as the host does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bsdvirt.host import tools
from bsdvirt_sim.context import Exit, Run, UnknownCommand
from bsdvirt_sim.host import SimHost
from bsdvirt_sim.kernel.cpuset import mask_of


def main(words: Sequence[str]) -> int:
    """Run the tool and return its exit status."""
    host = SimHost(words[0])
    root = str(host.directory.resolve() / "root")
    argv = [word.removeprefix(root) if word.startswith(root) else word for word in words[1:]]
    try:
        if argv[0] == tools.CPUSET and argv[1] == "-l" and argv[3].startswith("/"):
            return _with_mask(host, argv, root)
        if argv[0] in (tools.BHYVE, tools.BHYVELOAD):
            from bsdvirt_sim.bhyve import bhyve, bhyveload

            act = bhyve.main if argv[0] == tools.BHYVE else bhyveload.main
            return act(host, argv)
        if argv[0] == tools.JEXEC:
            from bsdvirt_sim.jail.main import run_main

            return run_main(host, argv[1:])
        return _plain(host, argv)
    except UnknownCommand as error:
        print(error, file=sys.stderr)
        return 70


def _plain(host: SimHost, argv: Sequence[str]) -> int:
    from bsdvirt_sim.commands import run_tool

    with host.change() as state:
        run = Run(argv, state, host.directory, changes=None, limit=60.0)
        status = run_tool(run)
    sys.stdout.write("".join(run.out))
    sys.stderr.write("".join(run.err))
    return status


def _with_mask(host: SimHost, argv: Sequence[str], root: str) -> int:
    """Run `cpuset -l LIST COMMAND…`: this process becomes the command."""
    with host.change() as state:
        run = Run(argv, state, host.directory, changes=None, limit=60.0)
        try:
            state.masks[os.getpid()] = mask_of(run, argv[2])
        except Exit as end:
            sys.stderr.write("".join(run.err))
            return end.status
    command = [root + argv[3], *argv[4:]]
    return os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
