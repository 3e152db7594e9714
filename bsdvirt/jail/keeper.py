"""Keeps the main command of one jail: runs it, waits for it, runs it again by its policy.

    python3 -I -S keeper.py start FILE                keep it; ends once it runs
    python3 -I -S keeper.py stop FILE --timeout S     SIGTERM; fails where that takes longer
    python3 -I -S keeper.py stop FILE                 SIGKILL

It ends 0, or 1 with one line on standard error. FILE says what to run, the file that it
names as `state` what goes on; its `lock` is held while there is a keeper.

This file stands alone: standard library only, all imported at the start, so that a keeper
outlives an upgrade of the package beneath it. One select(2) waits for the command's end
(kqueue(2); a pidfd on Linux, for the tests), for signals, and for what the command prints:
that comes through a named pipe, so that the log is never longer than it may be. The command
has the pipe open for reading, too: a keeper that dies takes nothing with it, and the next
one goes on reading. It finds the command by its process id and the time of its start.

BSDVIRT_ROOT, on the simulated host, is where the host's / lies.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SETTLED = 1.0
"""Seconds that the command must live, or have ended well in, for its start to be one."""
KILL = 5.0
"""Seconds that a process may take to go once it was killed."""
LOOK = float(os.environ.get("BSDVIRT_KEEPER_LOOK", "60"))
"""Seconds between two looks at the log."""
LOG_BYTES = 512 * 1024
"""What is kept of the log, and at which it is moved aside: below newsyslog.conf's limit."""
PIECE = 64 * 1024
"""What is read at once of what the command prints."""
MOST_PIECES = 64
"""What is taken besides once it has ended: others may print on."""
HANDOVER = 5.0
"""Seconds to wait for a keeper that is about to end."""
PAUSE = 0.05
TRIES = 20
"""How often the jail's end is tried while somebody else is at it."""
NEVER_RUNS = (126, 127)
"""What sh(1) ends with where there is no such command: it will not be there later."""
GONE = "its jail was removed"
NOT_FOUND = 3
"""What bsdvirt ends with where there is no such guest."""
ROOT = os.environ.get("BSDVIRT_ROOT", "")
ENVIRONMENT = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "LC_ALL": "C", "HOME": "/root"}
PASSED = {n: os.environ[n] for n in ("BSDVIRT_ROOT", "BSDVIRT_SIM") if n in os.environ}
ASKED = (signal.SIGTERM, signal.SIGUSR1)
"""To end the command, and to kill it."""


KILLED_BY = (signal.SIGUSR1, signal.SIGKILL)
"""The keeper: it kills the command first, or we do."""


class Failed(Exception):  # noqa: N818
    """What the one line on standard error says."""


# ---- files and processes ----


def read_json(path: str) -> dict[str, Any]:
    """What the file holds; nothing where it is not there, or holds no object."""
    try:
        with open(ROOT + path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: str, content: bytes) -> None:
    """Put a file in place at once, for root only."""
    descriptor = os.open(ROOT + path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)
    os.rename(ROOT + path + ".new", ROOT + path)


def become(argv: list[str], env: dict[str, str], output: int) -> NoReturn:
    """In a child: the command, its output there, signals as they are by default."""
    os.chdir("/")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.set_wakeup_fd(-1)
    for number in (*ASKED, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(argv[0], argv, PASSED | env)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    os._exit(127)


def ask(argv: list[str]) -> tuple[int, str]:
    """Run a command to its end: its exit status, and what it printed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(argv, ENVIRONMENT, writer)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as stream:
        printed = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed.strip()


def started_at(pid: int) -> str:
    """When the process began, in the host's uptime: unlike the time of day, nobody can set
    that. In clock ticks on Linux, else in seconds; empty where it is no more."""
    if sys.platform != "linux":
        seconds = ask(["/bin/ps", "-o", "etimes=", "-p", str(pid)])[1]
        return str(round(time.monotonic() - int(seconds))) if seconds.isdigit() else ""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
            words = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] == "Z" else words[19]


def is_process(pid: object, start: object) -> bool:
    """Whether the process of that number is the one that began then. ps(1) and we both cut
    off fractions of seconds."""
    if not isinstance(pid, int) or not str(start).isdigit() or not (seen := started_at(pid)):
        return False
    return abs(int(seen) - int(str(start))) <= (0 if sys.platform == "linux" else 2)


def signal_group(pid: int, number: int) -> None:
    """The command leads a process group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def open_pipe(path: str) -> int:
    """The end of the pipe that is read. It is open for writing, too, so that it never ends."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(ROOT + path, 0o600)
    return os.open(ROOT + path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


class End:
    """The end of a process, of ours or another's: `descriptor` is readable once it has come."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descriptor = -1
        self.queue: Any = None
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "linux":
                self.descriptor = os.pidfd_open(pid)
            else:
                self.queue = select.kqueue()
                kind = (select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
                self.queue.control([select.kevent(pid, *kind)], 0)
                self.descriptor = self.queue.fileno()

    def status(self) -> int | None:
        """As wait(2) gives it; None where nobody saw it. NOTE_EXIT tells those of others'."""
        seen = None
        if self.descriptor >= 0 and sys.platform == "linux":
            os.close(self.descriptor)
        elif self.descriptor >= 0:
            seen = int(self.queue.control(None, 1, 0)[0].data)
            self.queue.close()
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, 0)[1]
        return seen


def words_for(status: int | None) -> str:
    if status is None:
        return "its main command ended, and nobody saw how"
    if os.WIFSIGNALED(status):
        return f"its main command ended by signal {os.WTERMSIG(status)}"
    return f"its main command ended with exit status {os.WEXITSTATUS(status)}"


def take_lock(path: str, patience: float) -> int | None:
    """The lock's descriptor; None where another keeper has it."""
    descriptor = os.open(ROOT + path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(PAUSE)


# ---- the keeper ----


class Keeper:
    """One command, from its first start to its last end."""

    def __init__(self, job: dict[str, Any], tell: int) -> None:
        self.job = job
        self.state = read_json(job["state"])
        self.tell = tell
        self.stopping = False
        self.began = started_at(os.getpid())
        self.pipe = open_pipe(job["pipe"])
        self.restarts: list[float] = []
        self.quick = 0
        self.wake, writer = os.pipe()
        for descriptor in (self.wake, writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(writer)
        for number in ASKED:
            signal.signal(number, lambda number, frame: None)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> None:
        self.say(self.state.get("state", "starting"))
        if self.state.get("state") == "ended":
            self.answer("")
            return self.over(self.state["why"], self.state["failed"])
        pid = self.left_by_another() if self.state.get("pid") else self.spawn()
        while True:
            began = time.monotonic()
            status = self.until_end(pid) if pid else None
            lasted = time.monotonic() - began
            self.note(status)
            if self.stopping:
                return self.say("stopped", pid=None)
            if self.tell >= 0 and self.hopeless(status):
                return self.answer(f"{words_for(status)} at once")
            self.answer("")
            if why := self.reason_to_end(status):
                return self.over(why, status != 0 and why != GONE)
            if not self.wait(self.pause(lasted)):
                return self.say("stopped", pid=None)
            if not self.jail_is_there():
                return self.over(GONE, False)
            pid = self.spawn()

    def left_by_another(self) -> int:
        """The process that an earlier keeper left; 0 where it has ended."""
        pid = int(self.state["pid"])
        if not is_process(pid, self.state["start"]):
            return 0
        self.say("running")
        return pid

    def spawn(self) -> int:
        self.trim()
        tool, *words = self.job["argv"]
        pid = os.fork()
        if pid == 0:
            os.setsid()
            # Open for reading, too: without a keeper it waits, and is not killed by SIGPIPE.
            output = os.open(ROOT + self.job["pipe"], os.O_RDWR)
            become([ROOT + tool, *words], self.job["env"], output)
        runs = int(self.state.get("runs", 0)) + 1
        self.say("running", pid=pid, start=started_at(pid), runs=runs, since=time.time())
        return pid

    def until_end(self, pid: int) -> int | None:
        """Wait for the command's end; its status. Once it has settled, its start is one."""
        end = End(pid)
        deadline = time.monotonic() + (SETTLED if self.tell >= 0 else LOOK)
        while end.descriptor >= 0:
            left = max(0.0, deadline - time.monotonic())
            ready = select.select([end.descriptor, self.wake, self.pipe], [], [], left)[0]
            if self.pipe in ready:
                self.take()
            if self.wake in ready:
                self.obey(pid)
            if end.descriptor in ready:
                break
            if time.monotonic() >= deadline:
                self.answer("")
                self.trim()
                deadline = time.monotonic() + LOOK
        status = end.status()
        # What it left of its process group would be in the way of its next run.
        signal_group(pid, signal.SIGKILL)
        for _ in range(MOST_PIECES):
            if not self.take():
                break
        return status

    def take(self) -> bool:
        """Put what the command has printed into its log; whether there was anything. On a
        full disk it is lost."""
        try:
            data = os.read(self.pipe, PIECE)
        except BlockingIOError:
            return False
        path = ROOT + self.job["log"]
        with contextlib.suppress(OSError):
            log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with open(log, "wb", buffering=0) as stream:
                if stream.seek(0, os.SEEK_END) + len(data) > LOG_BYTES:
                    self.trim(len(data))
                stream.write(data)
        return bool(data)

    def obey(self, pid: int) -> None:
        for number in os.read(self.wake, 64):
            if number in ASKED:
                self.stopping = True
                self.say("stopping")
                signal_group(pid, signal.SIGTERM if number == signal.SIGTERM else signal.SIGKILL)

    def trim(self, more: int = 0) -> None:
        """Move a long log aside, or one that would be with so much `more`, beneath those that
        have it open for appending."""
        path = self.job["log"]
        with contextlib.suppress(OSError), open(ROOT + path, "r+b") as log:
            size = log.seek(0, os.SEEK_END)
            if size + more > LOG_BYTES:
                log.seek(-min(size, LOG_BYTES), os.SEEK_END)
                write(path + ".0", log.read(LOG_BYTES))
                log.truncate(0)

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; whether nobody asked to end meanwhile."""
        self.say("waiting", pid=None)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready = select.select([self.wake, self.pipe], [], [], left)[0]
            if self.pipe in ready:
                self.take()
            if self.wake in ready and set(os.read(self.wake, 64)) & set(ASKED):
                return False
        return True

    # ---- what is to be done about an end ----

    def hopeless(self, status: int | None) -> bool:
        """Whether a first run that has ended at once is a start that failed."""
        if not status:
            return False
        never = os.WIFEXITED(status) and os.WEXITSTATUS(status) in NEVER_RUNS
        return never or self.job["restart"]["policy"] == "never"

    def reason_to_end(self, status: int | None) -> str:
        """Why it is not run again; empty where it is."""
        policy, most, window = (self.job["restart"][key] for key in ("policy", "most", "window"))
        if not self.jail_is_there():
            return GONE
        if policy == "never" or (policy == "on-failure" and status == 0):
            return words_for(status)
        now = time.monotonic()
        self.restarts = [then for then in self.restarts if now - then < window]
        if most and len(self.restarts) >= most:
            return f"{words_for(status)}, and was run again {most} times within {window} s"
        self.restarts.append(now)
        return ""

    def pause(self, lasted: float) -> float:
        """Seconds before the next run: doubled each time, until one lasts."""
        first, longest = self.job["restart"]["backoff"]
        self.quick = 1 if lasted > longest else self.quick + 1
        seconds = min(longest, first * 2 ** min(self.quick - 1, 16))
        self.log(f"{self.state['last']['words']}: again in {seconds} s")
        return float(seconds)

    def jail_is_there(self) -> bool:
        """Whether the jail lives, and is the one that it was."""
        tool, *words = self.job["jls"]
        return ask([ROOT + tool, *words]) == (0, self.job["root"])

    def over(self, why: str, failed: bool) -> None:
        """It is not run again: the jail ends in order, by bsdvirt itself."""
        self.say("ended", pid=None, why=why, failed=failed)
        self.log(why)
        if not os.path.isdir(ROOT or "/"):  # noqa: PTH112
            # The simulated host is gone, and would be made anew.
            return
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        stop = (sys.executable, "-m", "bsdvirt", "--quiet", "stop", self.job["name"])
        seconds = 1.0
        for _ in range(TRIES):
            status, said = ask(["/usr/bin/env", f"PYTHONPATH={package}", *stop])
            if status == NOT_FOUND:
                return
            if status == 0:
                break
            self.log(f"not stopped: {said}")
            time.sleep(seconds)
            seconds = min(60.0, seconds * 2)
        if failed:
            with contextlib.suppress(OSError):
                os.makedirs(ROOT + os.path.dirname(self.job["failed"]), 0o700, exist_ok=True)
                write(self.job["failed"], f"{why}\n".encode())
        self.say("failed" if failed else "stopped")

    # ---- telling ----

    def answer(self, wrong: str) -> None:
        """Tell the command that started us, once, how that went."""
        if self.tell >= 0:
            with contextlib.suppress(OSError):
                os.write(self.tell, (wrong or "ok").encode())
            os.close(self.tell)
            self.tell = -1

    def note(self, status: int | None) -> None:
        """Keep how it ended."""
        code = None if status is None else os.waitstatus_to_exitcode(status)
        self.state["last"] = {"status": code, "words": words_for(status), "at": time.time()}

    def say(self, state: str, **more: Any) -> None:
        """Write down what goes on. A full disk does not end the command."""
        ours = {"keeper": os.getpid(), "keeper_start": self.began}
        self.state |= {"v": 1, "state": state, **ours, **more}
        if state in ("stopped", "failed"):
            with contextlib.suppress(OSError):
                os.unlink(ROOT + self.job["pipe"])
        with contextlib.suppress(OSError):
            write(self.job["state"], f"{json.dumps(self.state)}\n".encode())

    def log(self, text: str) -> None:
        """A line in the log of events."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        took = max(0.0, time.time() - float(self.state.get("since", time.time())))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with (
            contextlib.suppress(OSError),
            open(os.open(ROOT + self.job["events"], flags, 0o640), "w", encoding="utf-8") as stream,
        ):
            stream.write(f"{now} main {self.job['name']} {took:.1f}s {' '.join(text.split())}\n")


# ---- the modes ----


def holder(job: dict[str, Any], patience: float = HANDOVER) -> tuple[int | None, int]:
    """The lock's descriptor, or the process that is its keeper. A command that only looks
    whether the lock is held has it for a moment. Raises Failed where it stays held, and no
    keeper is known to hold it."""
    deadline = time.monotonic() + patience
    while True:
        if (lock := take_lock(job["lock"], 0.0)) is not None:
            return lock, 0
        state = read_json(job["state"])
        if is_process(state.get("keeper"), state.get("keeper_start")):
            return None, int(state["keeper"])
        if time.monotonic() >= deadline:
            raise Failed(f"{job['lock']} is held, and not by a known keeper: try again")
        time.sleep(PAUSE)


def start(job: dict[str, Any]) -> str:
    """Keep the command in the background. Raises Failed where it ends at once."""
    lock, _ = holder(job)
    if lock is None and read_json(job["state"]).get("state") not in ("running", "waiting"):
        # It is about to end.
        lock = take_lock(job["lock"], HANDOVER)
    if lock is None:
        return "already"
    reader, writer = os.pipe()
    if os.fork() != 0:
        os.close(writer)
        with open(reader, encoding="utf-8") as stream:
            answer = stream.read()
        if answer != "ok":
            raise Failed(answer or "the keeper of its main command ended")
        return "runs"
    os.close(reader)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"keeper, process {os.getpid()}\n".encode(), 0)
    keeper = Keeper(job, writer)
    try:
        keeper.run()
    except Exception as error:
        keeper.log(f"its keeper failed: {error!r}")
    finally:
        os._exit(0)


def stop(job: dict[str, Any], timeout: float) -> str:
    """End the command, and its keeper with it. Raises Failed where it does not end."""
    lock, keeper = holder(job)
    state = read_json(job["state"])
    if keeper and state.get("state") == "ended":
        # It is the keeper that has the jail stopped.
        return "ended"
    polite = timeout > 0
    asked = [(signal.SIGTERM, timeout)] if polite else [(n, KILL) for n in KILLED_BY]
    for number, patience in asked if keeper else ():
        if is_process(keeper, state.get("keeper_start")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, number)
        lock = take_lock(job["lock"], patience)
        if lock is not None and number != signal.SIGKILL:
            return "stopped"
    if lock is not None:
        with contextlib.suppress(OSError):
            os.unlink(ROOT + job["pipe"])
    pid = int(state.get("pid") or 0)
    if not is_process(pid, state.get("start")):
        return "not running"
    if lock is not None:
        # Nobody is there to do it.
        end = End(pid)
        signal_group(pid, signal.SIGTERM if polite else signal.SIGKILL)
        patience = timeout if polite else KILL
        if end.descriptor < 0 or select.select([end.descriptor], [], [], patience)[0]:
            return "stopped"
    raise Failed(f"its main command, process {pid}, did not end within {timeout or KILL:.0f} s")


def main(words: list[str]) -> int:
    """Do what the words say; the exit status."""
    mode, path, *rest = words
    try:
        job = read_json(path)
        if not job:
            raise Failed(f"{path} cannot be read")
        print(start(job) if mode == "start" else stop(job, float(rest[1]) if rest else 0.0))
    except (Failed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
