"""The supervisor of one jail's main command: runs it, waits for its end, runs it again by its
policy, and has the jail stopped where it does not.

What the command prints comes through a named pipe, so that the log is never longer than it
may be. The command has the pipe open for reading, too: a supervisor that dies takes nothing
with it, and the next one goes on reading.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from functools import partial

from bsdvirt.supervise import process
from bsdvirt.supervise.attend import Supervisor, in_background, take_lock
from bsdvirt.supervise.files import (
    POLL,
    ROOT,
    Failed,
    Json,
    here,
    read_json,
    remove,
    try_lock,
    write_failure,
)  # fmt: skip
from bsdvirt.supervise.killed import cause
from bsdvirt.supervise.log import Log
from bsdvirt.supervise.policy import SETTLED

KILL = 5.0
"""Seconds that a process may take to go once it was killed."""
PIECE = 64 * 1024
"""What is read at once of what the command prints."""
MOST_PIECES = 64
"""What is read besides once it has ended: others may print on."""
HANDOVER = 5.0
"""Seconds to wait for a supervisor that is about to end."""
TRIES = 20
"""How often the jail's stop is tried while another command is at it."""
NEVER_RUNS = (126, 127)
"""What sh(1) ends with where there is no such command: it will not be there later."""
GONE = "its jail was removed"
NOT_FOUND = 3
"""What bsdvirt ends with where there is no such guest."""
ASKED = (signal.SIGTERM, signal.SIGUSR1)
"""To end the command, and to kill it."""
KILLED_BY = (signal.SIGUSR1, signal.SIGKILL)
"""The supervisor: it kills the command first, or we do."""
PATHS = ("log", "events", "failed", "pipe", "state", "lock")
"""The files that the job names."""


def read_job(path: str) -> Json:
    """Return what to run. Raises Failed where it cannot be read."""
    job = read_json(here(path))
    if not job:
        raise Failed(f"{path} cannot be read")
    for key in PATHS:
        job[key] = here(job[key])
    for key in ("argv", "jls"):
        # The words of the command itself are of the jail.
        job[key] = [here(job[key][0]), *job[key][1:]]
    return job


def words_for(status: int | None) -> str:
    """Return how the command ended."""
    if status is None:
        return "its main command ended, and nobody saw how"
    if os.WIFSIGNALED(status):
        return f"its main command ended by signal {os.WTERMSIG(status)}"
    return f"its main command ended with exit status {os.WEXITSTATUS(status)}"


class Command(Supervisor):
    """One command, from its first start to its last end."""

    kind = "main"

    def __init__(self, path: str, job: Json, ready: int) -> None:
        super().__init__(job, job["state"], ready)
        self.path = path
        self.log = Log(job["log"])
        start = process.identity(os.getpid())[0]
        self.state = read_json(job["state"]) | {
            "v": 1, "keeper": os.getpid(), "keeper_start": start
        }  # fmt: skip
        with contextlib.suppress(FileExistsError):
            os.mkfifo(job["pipe"], 0o600)
        # Open for writing, too, so that it never ends.
        self.pipe = os.open(job["pipe"], os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Attend the command, from where an earlier supervisor left it, to its last end."""
        self.listen_to(self._asked, *ASKED)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.events.want(self.pipe, lambda _: self._take())
        old = self.state.get("state", "starting")
        pid, start = self.state.get("pid"), self.state.get("start")
        self.show(old)
        if old == "ended":
            self.tell_ready("ok")
            self._end(self.state["why"], self.state["failed"])
        elif not pid:
            self._launch()
        else:
            self.launched = time.monotonic() - process.age(start)
            if process.is_process(pid, start) and self._runs_as(pid):
                self.show("running")
            else:
                self._judge(None)
        self.attend()
        remove(self.job["pipe"])

    def _launch_again(self) -> None:
        if self._jail_is_there():
            self._launch()
        else:
            self._end(GONE, False)

    def _launch(self) -> None:
        try:
            # Open for reading, too: without a supervisor the command waits, and is not killed
            # by SIGPIPE.
            output = os.open(self.job["pipe"], os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            output = os.dup(self.log.fd)
        pid = process.spawn(self.job["argv"], process.PASSED | self.job["env"], output)
        os.close(output)
        runs = int(self.state.get("runs", 0)) + 1
        start = process.identity(pid)[0]
        self.show("running", pid=pid, start=start, runs=runs, since=time.time())
        self.launched = time.monotonic()
        self._runs_as(pid)

    def _runs_as(self, pid: int) -> bool:
        """Watch that process; whether there is one."""
        self.pid = pid
        self.log.trim()
        self.events.watch_file(self.log.fd, self.log.trim)
        self.events.after("settled", SETTLED, partial(self.tell_ready, "ok"))
        return self.events.watch(pid, partial(self._ended, pid))

    def _take(self) -> bool:
        """Put what the command has printed into its log; whether there was anything."""
        try:
            data = os.read(self.pipe, PIECE)
        except BlockingIOError:
            return False
        self.log.write(data)
        return bool(data)

    def _asked(self, come: set[int]) -> None:
        self.stopping = True
        if self.pid is None:
            self._leave("stopped")
            return
        self.show("stopping")
        number = signal.SIGKILL if signal.SIGUSR1 in come else signal.SIGTERM
        process.signal_group(self.pid, number)

    def _ended(self, pid: int, seen: int | None) -> None:
        """The command has ended."""
        status = process.reap(pid, seen)
        # What it left of its process group would be in the way of its next run.
        process.signal_group(pid, signal.SIGKILL)
        for _ in range(MOST_PIECES):
            if not self._take():
                break
        self.pid = None
        self.events.cancel("settled")
        self._judge(status, self._why(pid, status))

    def _why(self, pid: int, status: int | None) -> str:
        """Return what killed the command; empty if it ended otherwise, or was to end."""
        if self.stopping or status is None or not os.WIFSIGNALED(status):
            return ""
        _, jid = process.run([self.job["jls"][0], "-j", self.name, "jid"])
        logs = os.path.dirname(self.job["log"])
        return cause(pid, status, logs, jid=int(jid) if jid.isdigit() else None)

    def _judge(self, status: int | None, why: str = "") -> None:
        """Do what follows from the end of a run; `why` follows the words for it."""
        code = None if status is None else os.waitstatus_to_exitcode(status)
        words = words_for(status) + why
        self.state["last"] = {"status": code, "words": words, "at": time.time()}
        if self.stopping:
            self._leave("stopped")
        elif self.awaited and self._is_hopeless(status):
            self.tell_ready(f"{words} at once")
            self.leave()
        else:
            self.tell_ready("ok")
            self._follow(status, words)

    def _is_hopeless(self, status: int | None) -> bool:
        """Whether a first run that has ended at once is a start that failed."""
        if not status:
            return False
        never = os.WIFEXITED(status) and os.WEXITSTATUS(status) in NEVER_RUNS
        return never or self.job["restart"]["policy"] == "never"

    def _follow(self, status: int | None, words: str) -> None:
        """Do what the policy says of an end that was not asked for."""
        with contextlib.suppress(Failed):
            # It may have been changed while the command ran.
            self.job["restart"] = read_job(self.path)["restart"]
        policy = self.job["restart"]
        if not self._jail_is_there():
            self._end(GONE, False)
        elif policy["policy"] == "never" or (policy["policy"] == "on-failure" and status == 0):
            self._end(words, status != 0)
        elif not self.restarts.count(policy):
            most, window = policy["most"], policy["window"]
            self._end(f"{words}, and was run again {most} times within {window} s", status != 0)
        else:
            pause = self.restarts.pause(policy, self.lasted())
            self._log(f"{words}: again in {pause:g} s")
            self.show("waiting", pid=None)
            self.events.after("again", pause, self._launch_again)

    def _jail_is_there(self) -> bool:
        """Whether the jail lives, and is the one that it was."""
        return process.run(self.job["jls"]) == (0, self.job["root"])

    def _end(self, why: str, failed: bool) -> None:
        """It is not run again: bsdvirt itself stops the jail, in order."""
        self.show("ended", pid=None, why=why, failed=failed)
        self._log(why)
        self.leave()
        if not os.path.isdir(ROOT or "/"):
            # The simulated host is gone, and would be made again.
            return
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        env = ["/usr/bin/env", f"PYTHONPATH={package}"]
        seconds = 1.0
        for _ in range(TRIES):
            stop = [*env, sys.executable, "-m", "bsdvirt", "--quiet", "stop", self.name]
            status, said = process.run(stop, seconds=0)
            if status == NOT_FOUND:
                return
            if status == 0:
                break
            self._log(f"not stopped: {said}")
            time.sleep(seconds)
            seconds = min(60.0, seconds * 2)
        if failed:
            with contextlib.suppress(OSError):
                write_failure(self.job["failed"], why)
        self._leave("failed" if failed else "stopped")

    def _leave(self, state: str) -> None:
        self.leave()
        self.show(state, pid=None)

    def _log(self, text: str) -> None:
        self.record(f"{self.lasted():.1f}s {text}")


def _keeper(job: Json) -> int:
    """Return the process that is the command's supervisor; 0 where none is known."""
    state = read_json(job["state"])
    pid = state.get("keeper")
    return int(str(pid)) if process.is_process(pid, state.get("keeper_start")) else 0


def _take_lock(job: Json) -> int | None:
    return take_lock(job["lock"], lambda: _keeper(job) > 0, HANDOVER)


def start(path: str) -> int:
    """Attend the command in the background. Raises Failed where it ends at once."""
    job = read_job(path)
    word = in_background(partial(_serve, path, job))
    if word not in ("ok", "already"):
        raise Failed(word or "the supervisor of its main command ended")
    print("runs" if word == "ok" else word)
    return 0


def _serve(path: str, job: Json, ready: int) -> None:
    os.chdir("/")
    lock = _take_lock(job)
    if lock is None and read_json(job["state"]).get("state") not in ("running", "waiting"):
        # It is about to end.
        lock = try_lock(job["lock"], HANDOVER)
    if lock is None:
        os.write(ready, b"already")
        return
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"keeper, process {os.getpid()}\n".encode(), 0)
    command = Command(path, job, ready)
    try:
        command.run()
    except Exception as error:
        command.record(f"its supervisor failed: {error!r}", ok=False)
        raise


def stop(path: str, timeout: float) -> int:
    """End the command by SIGTERM, or without a timeout by SIGKILL, and its supervisor with
    it. Raises Failed where it does not end."""
    print(_stop(read_job(path), timeout))
    return 0


def _stop(job: Json, timeout: float) -> str:
    lock = _take_lock(job)
    state = read_json(job["state"])
    if lock is None and state.get("state") == "ended":
        # It is the supervisor that has the jail stopped.
        return "ended"
    asked = [(signal.SIGTERM, timeout)] if timeout > 0 else [(n, KILL) for n in KILLED_BY]
    for number, patience in asked if lock is None else ():
        if keeper := _keeper(job):
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, number)
        lock = try_lock(job["lock"], patience)
        if lock is not None and number != signal.SIGKILL:
            return "stopped"
    if lock is not None:
        remove(job["pipe"])
    pid = int(state.get("pid") or 0)
    if not process.is_process(pid, state.get("start")):
        return "not running"
    patience = timeout or KILL
    if lock is not None:
        process.signal_group(pid, signal.SIGTERM if timeout > 0 else signal.SIGKILL)
        deadline = time.monotonic() + patience
        while process.is_process(pid, state.get("start")):
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL)
        else:
            return "stopped"
    raise Failed(f"its main command, process {pid}, did not end within {patience:.0f} s")
