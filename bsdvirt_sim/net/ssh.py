"""ssh(1) to other simulated hosts: bsdvirt there runs in a child of this process."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, NoReturn

from bsdvirt.host.base import Result
from bsdvirt_sim.context import UnknownCommand

NO_CONNECTION = 255
SHELL_NOT_FOUND = 127
FAULT = "BSDVIRT_FAULT"
FAULT_THERE = "BSDVIRT_FAULT_THERE"
"""Set in the environment, the other host's bsdvirt has this fault."""


def run_ssh(peers: Mapping[str, str], argv: Sequence[str], stdin: IO[bytes]) -> Result:
    """Run the line of the other host. `peers` are the directories of hosts, by the names that ssh
    knows; "" for one that is down."""
    options, _, rest = _split(argv)
    if "-O" in options:
        return Result(tuple(argv), 0)
    if len(rest) != 2 or "BatchMode=yes" not in options:
        raise UnknownCommand(argv, "it asks for a password, or runs no command")
    host, line = rest
    if host not in peers:
        why = f"ssh: Could not resolve hostname {host}: Name does not resolve\n"
        return Result(tuple(argv), NO_CONNECTION, "", why)
    if not peers[host]:
        why = f"ssh: connect to host {host} port 22: Connection refused\n"
        return Result(tuple(argv), NO_CONNECTION, "", why)
    words = shlex.split(line)
    if words[:1] != ["bsdvirt"]:
        return Result(tuple(argv), SHELL_NOT_FOUND, "", f"sh: {words[0]}: not found\n")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # What is buffered is not written by the child, too.
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _become(["--sim", peers[host], *words[1:]], (stdin, out, err))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for stream in (out, err):
            stream.seek(0)
        said = out.read().decode(), err.read().decode()
    return Result(tuple(argv), status if status >= 0 else NO_CONNECTION, *said)


def _split(argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    words = list(argv[1:])
    if "--" not in words:
        raise UnknownCommand(argv, "a host's name may look like an option")
    place = words.index("--")
    return words[:place], "--", words[place + 1 :]


def _become(words: Sequence[str], streams: Sequence[IO[bytes]]) -> NoReturn:
    """Be bsdvirt there, to the end of this process."""
    status: object = 1
    try:
        # The former object may close the descriptor.
        sys.stdin = open(os.dup(0), encoding="utf-8")  # noqa: SIM115
        for descriptor, stream in enumerate(streams):
            os.dup2(stream.fileno(), descriptor)
        os.environ.pop(FAULT, None)
        if there := os.environ.pop(FAULT_THERE, None):
            os.environ[FAULT] = there
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.argv = ["bsdvirt", *words]
        importlib.import_module("bsdvirt.__main__").main()
    except SystemExit as end:
        status = end.code
    finally:
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)
