"""A tool of a simulated host as a process: `python -m bsdvirt_sim.tool DIR TOOL …`.

Arguments that name a file below DIR/root name it as the host does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO

from bsdvirt.host import tools
from bsdvirt_sim.context import Exit, Run, UnknownCommand
from bsdvirt_sim.host import SimHost
from bsdvirt_sim.kernel.cpuset import mask_of, policy_of


def main(words: Sequence[str]) -> int:
    """Run the tool and return its exit status."""
    return run_with(words, sys.stdin.buffer, sys.stdout.buffer)


def run_with(words: Sequence[str], stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """Run the tool with other streams of bytes than this process's."""
    host = SimHost(words[0])
    root = str(host.directory.resolve() / "root")
    argv = [word.removeprefix(root) if word.startswith(root) else word for word in words[1:]]
    try:
        if argv[0] == tools.CPUSET and argv[1] == "-l":
            at = 5 if argv[3] == "-n" else 3
            if argv[at].startswith("/"):
                return _with_mask(host, argv[:at], argv[at:], root)
        if argv[:3] == [tools.CPUSET, "-s", "1"] and len(argv) > 3:
            # The set of all processes of the host.
            command = [root + argv[3], *argv[4:]]
            return os.execv(command[0], command)  # noqa: S606
        if argv[0] in (tools.BHYVE, tools.BHYVELOAD):
            from bsdvirt_sim.bhyve import bhyve, bhyveload

            act = bhyve.main if argv[0] == tools.BHYVE else bhyveload.main
            return act(host, argv)
        if argv[0] == tools.SWTPM:
            from bsdvirt_sim.bhyve import swtpm

            return swtpm.main(host, argv)
        if argv[0] == tools.JEXEC:
            from bsdvirt_sim.jail.main import run_main

            return run_main(host, argv[1:])
        return _plain(host, argv, stdin, stdout)
    except UnknownCommand as error:
        print(error, file=sys.stderr)
        return 70


def _plain(host: SimHost, argv: Sequence[str], stdin: IO[bytes], stdout: IO[bytes]) -> int:
    """Run a tool with its standard input read before, and its output written after: what is at
    the other end of a pipe may need the simulated host, too."""
    from bsdvirt_sim.commands import run_tool

    with tempfile.TemporaryFile(dir=host.directory) as data:
        reads = argv[0] in READERS and READERS[argv[0]] in argv[1:2]
        if reads:
            _spool(stdin, data)
        with host.change() as state:
            run = Run(argv, state, host.directory, changes=None, limit=60.0)
            run.piped, run.piped_into = not reads, reads
            run.data = data
            status = run_tool(run)
        sys.stderr.write("".join(run.err))
        sys.stderr.flush()
        stdout.write("".join(run.out).encode())
        if not reads:
            data.seek(0)
            with contextlib.suppress(BrokenPipeError):
                shutil.copyfileobj(data, stdout)
        with contextlib.suppress(BrokenPipeError):
            stdout.flush()
    return status


READERS = {tools.ZFS: "receive"}
"""Tools that read their standard input, and the verb that does."""


class _Ended(Exception):  # noqa: N818
    """A signal ends the process: what it has read is all there is."""


def _spool(stdin: IO[bytes], data: IO[bytes]) -> None:
    def end(_signal: int, _frame: object) -> None:
        raise _Ended

    main = threading.current_thread() is threading.main_thread()
    known = {name: signal.signal(name, end) for name in _SIGNALS} if main else {}
    try:
        shutil.copyfileobj(stdin, data)
    except _Ended:
        pass
    finally:
        for name, handler in known.items():
            signal.signal(name, handler)
    data.seek(0)


_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def _with_mask(host: SimHost, argv: Sequence[str], command: Sequence[str], root: str) -> int:
    """Run `cpuset -l LIST [-n POLICY:DOMAINS] COMMAND…`: this process becomes the command."""
    with host.change() as state:
        run = Run([*argv, *command], state, host.directory, changes=None, limit=60.0)
        try:
            state.masks[os.getpid()] = mask_of(run, argv[2])
            if "-n" in argv:
                state.memories[os.getpid()] = policy_of(run, argv[4])
        except Exit as end:
            sys.stderr.write("".join(run.err))
            return end.status
    words = [root + command[0], *command[1:]]
    return os.execv(words[0], words)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
