"""Commands that the simulated host runs as real processes: supervisors of guests, hooks, and a
stand-in for ssh(1)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bsdvirt.host import tools
from bsdvirt.host.base import LineSink, Result
from bsdvirt.host.interrupt import Interrupt
from bsdvirt_sim.context import Run, split_environment
from bsdvirt_sim.kernel.processes import ROOT

LOOK = "BSDVIRT_LOG_LOOK"
HOOKS = "/usr/local/etc/bsdvirt/hooks/"


def is_supervisor(argv: Sequence[str]) -> bool:
    """Whether the command is a guest's supervisor, or a client of it."""
    return len(argv) > 4 and argv[3].endswith("/supervise/__main__.py")


def is_real(argv: Sequence[str]) -> bool:
    """Whether the command is a real process."""
    return (
        is_supervisor(argv)
        or argv[0] == tools.SSH
        or (argv[0] == tools.ENV and split_environment(list(argv[1:]))[1][0].startswith(HOOKS))
    )


def run_real(
    directory: Path,
    argv: Sequence[str],
    interrupt: Interrupt,
    *,
    changes: bool,
    timeout: float,
    on_line: LineSink | None,
    stdin: bytes = b"",
) -> Result:
    """Run it on the files of the simulated host; its result has the original arguments."""
    from bsdvirt.host.real import RealHost

    host = RealHost(interrupt)
    real = _beneath(directory, argv)
    done = host.run(real, changes=changes, timeout=timeout, on_line=on_line, stdin=stdin)
    return Result(tuple(argv), done.status, done.stdout, done.stderr, done.timed_out)


def filter_real(run: Run, interrupt: Interrupt) -> Result:
    """Run one side of a pipe: what comes from the other side is its input, and what it prints is
    for the other side."""
    run.changes()
    interrupt.check()
    source, run.data = run.data, None
    if run.piped:
        run.data = tempfile.TemporaryFile(dir=run.directory)  # noqa: SIM115
    if source is not None:
        source.seek(0)
    done = subprocess.run(
        _beneath(run.directory, run.argv), check=False, stderr=subprocess.PIPE,
        stdin=source or subprocess.DEVNULL, stdout=run.data or subprocess.DEVNULL,
    )  # fmt: skip
    if run.data is not None:
        run.data.seek(0)
    interrupt.check()
    return Result(run.argv, done.returncode, "", done.stderr.decode("utf-8", "replace"))


def attach_real(directory: Path, argv: Sequence[str]) -> int:
    """Run it on the caller's own terminal."""
    from bsdvirt.host.real import RealHost

    return RealHost().attach(_beneath(directory, argv))


def become_real(directory: Path, argv: Sequence[str]) -> NoReturn:
    """Run it in place of this process."""
    from bsdvirt.host.real import RealHost

    RealHost().replace(_beneath(directory, argv))


def _beneath(directory: Path, argv: Sequence[str]) -> list[str]:
    """Return the command that does the same beneath the simulated host's root."""
    root = directory.resolve() / "root"
    simulated = f"BSDVIRT_SIM={directory.resolve()}"
    if argv[0] == tools.SSH:
        # A test's stand-in; there is no other host by itself.
        return [f"{root}{argv[0]}", *argv[1:]]
    if is_supervisor(argv):
        # For tests: how often it checks its log.
        look = f"{LOOK}={os.environ.get(LOOK, '60')}"
        return [tools.ENV, simulated, f"{ROOT}={root}", look, *argv]
    assignments, (program, *words) = split_environment(list(argv[1:]))
    return [tools.ENV, simulated, *assignments, f"{root}{program}", *words]
