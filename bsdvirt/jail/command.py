"""A jail's main command, in place of /etc/rc: the job of its supervisor. Pure."""

from __future__ import annotations

import json
from typing import Any

from bsdvirt.cpu.limits import outside
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.enter import ENVIRONMENT, Holds, line_in
from bsdvirt.layout import (
    EVENT_LOG,
    console_log,
    failed_file,
    job_file,
    keeper_lock,
    main_file,
    main_pipe,
)
from bsdvirt.plan.step import Command, FileExists, Not, RemoveFile, Step, Undo, WriteFile
from bsdvirt.spec.jail import Commands, Jail
from bsdvirt.spec.types import CpuList

START_SECONDS = 30.0
END_SLACK = 20.0
"""Seconds that the supervisor needs besides, to kill what does not end."""


def supervisor_argv(mode: str, name: str, *words: str) -> tuple[str, ...]:
    """Return the argument list that starts or ends the supervisor of the main command."""
    return (*tools.SUPERVISE, "jail", mode, job_file(name), *words)


def start_lines(jail: Jail) -> list[str]:
    """exec.start: /etc/rc has no place beside a main command, nor in a root without FreeBSD."""
    without = jail.run or jail.userland != "freebsd"
    return [] if without and jail.exec.start == Commands().start else list(jail.exec.start)


def stop_lines(jail: Jail) -> list[str]:
    """exec.stop, likewise."""
    without = jail.run or jail.userland != "freebsd"
    return [] if without and jail.exec.stop == Commands().stop else list(jail.exec.stop)


DEFAULT_SET = (tools.CPUSET, "-s", "1")
"""What a confined supervisor runs a command of the jail with. Set 1 is that of every process of the
host. From a set of its own, a process would bring that into the jail's: it would keep its CPUs when
the jail is given others, and the kernel would refuse it if they had none in common
(cpuset_setproc_newbase() and cpuset_setproc_setthread_mask() in kern_cpuset.c)."""


def run_text(guest: Guest, jail: Jail, holds: Holds, cpus: CpuList | None = None) -> str:
    """Return what the supervisor is to do, as bsdvirt/supervise/command.py reads it. With `cpus`,
    it runs on these itself."""
    name = guest.name
    job = {
        "v": 1,
        "name": name,
        "argv": [
            *(DEFAULT_SET if cpus else ()),
            *line_in(name, holds, str(jail.run), str(jail.run_user)),
        ],
        "env": ENVIRONMENT,
        "jls": [tools.JLS, "-j", name, "path"],
        "root": guest.root,
        "log": console_log(name),
        "events": EVENT_LOG,
        "failed": failed_file(name),
        "pipe": main_pipe(name),
        "state": main_file(name),
        "lock": keeper_lock(name),
        "restart": _policy(jail),
    }
    return json.dumps(job, indent=1) + "\n"


def _policy(jail: Jail) -> dict[str, Any]:
    """Return whether the main command is run again, and how soon."""
    return {"policy": jail.restart.policy, **jail.restart.limits()}


def reread_steps(name: str, jail: Jail, job: str) -> list[Step]:
    """Write the policy that its supervisor reads again into the file of the present run, `job`."""
    new = json.dumps(json.loads(job) | {"restart": _policy(jail)}, indent=1) + "\n" if job else ""
    if new == job:
        return []
    path = job_file(name)
    there = FileExists(path)
    undo = (Undo(WriteFile(path, job, 0o600), there),)
    why = "the policy that its supervisor reads again"
    return [Step(WriteFile(path, new, 0o600), why, undo=undo, unless=Not(there))]


def main_steps(
    guest: Guest, jail: Jail, holds: Holds, cpus: CpuList | None = None
) -> tuple[Step, ...]:
    """Run the main command of a jail that lives; none for a jail that has none. Its supervisor runs
    on `cpus`; None for all."""
    if not jail.run:
        return ()
    path = job_file(guest.name)
    return (
        Step(
            WriteFile(path, run_text(guest, jail, holds, cpus), 0o600),
            "the job of its main command's supervisor",
            undo=(
                Undo(RemoveFile(path)),
                Undo(RemoveFile(main_file(guest.name))),
                Undo(RemoveFile(main_pipe(guest.name))),
            ),
        ),
        Step(
            _start(guest.name, cpus),
            f"run and watch `{jail.run}`",
            undo=(Undo(Command(supervisor_argv("stop", guest.name), own=True), FileExists(path)),),
        ),
    )


def _start(name: str, cpus: CpuList | None) -> Command:
    argv = (*outside(cpus, own_set=True), *supervisor_argv("start", name))
    return Command(argv, timeout=START_SECONDS, own=True)


def watch_again(name: str, job: str, cpus: CpuList | None) -> Step:
    """Start another supervisor of a main command whose own has died. `job` is the file of the
    present run: only one that runs the command in the default set may be confined to `cpus`."""
    confined = bool(job) and json.loads(job)["argv"][: len(DEFAULT_SET)] == list(DEFAULT_SET)
    return Step(_start(name, cpus if confined else None), "watch its main command")


def end_step(name: str, seconds: float) -> Step:
    """End the main command: by SIGTERM, and by SIGKILL where it does not end within so many
    seconds; at once where they are 0."""
    kill = Command(supervisor_argv("stop", name), timeout=END_SLACK, own=True)
    if not seconds:
        return Step(kill, "kill its main command", tolerant=True)
    ask = Command(
        supervisor_argv("stop", name, "--timeout", f"{seconds:.1f}"),
        timeout=seconds + END_SLACK,
        own=True,
    )
    return Step(ask, f"end its main command, within {seconds:.0f} s", remedy=(Undo(kill),))
