"""The supervisor of one bhyve guest: runs it, holds its console, knows how it ended.

    python3 -I -S supervisor.py MODE RUNDIR [options]

    start       keep the guest in the background; ends once it runs (or "already")
    foreground  the same, on this process: ends when the guest has powered off
    stop        [--timeout S] [--force]: ACPI's power button, then by the guest's policy
    reset, pause, resume, nmi
    console     [--log-first]: this terminal becomes the guest's; left by ~. or Ctrl-]
    status      print state.json

It ends 0, 1 (one line on standard error says why), 3 where no supervisor runs, or 4 for a
stop that took force.
RUNDIR/run.json says what to run, RUNDIR/state.json what goes on; RUNDIR/run.lock is held
by bhyve itself, so held means running. This file stands alone: standard library only, all
imported at the start, so that a supervisor outlives an upgrade of the package beneath it,
and one that was killed is replaced by another that finds the guest by pid and start time.

bhyve's exit codes are bhyverun.c's; nmdm(4) keeps a pair of terminals for as long as one
end is open. On Linux, for tests on the simulated host, poll(2) and pidfds stand in for
kqueue(2), and BSDVIRT_ROOT is where the host's / lies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import json
import os
import re
import select
import signal
import socket
import stat
import sys
import termios
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

VERSION = 1
"""Of the protocol on the socket, of run.json and of state.json."""

SETTLED = 1.0
"""Seconds that bhyve lives before its start counts as one."""
PRESS = 10.0
"""Seconds between two presses of the power button: some guests overhear the first."""
KILL = 5.0
"""Seconds between the forced power-off and SIGKILL."""
TYPING = 600.0
"""Seconds that somebody at the loader's prompt has for each key."""
ENDING = 15
"""Seconds that a supervisor which ends by itself is waited for."""
TOOL = 60
"""Seconds that bhyvectl, rctl or ifconfig may take."""
LOOKING = 10.0
"""Seconds that a lock is waited for which no supervisor and no guest holds."""
POLL = 0.02
LONGEST = 86400
"""Seconds that a stop may be given."""
QUICK = 10
"""Resets within moments after which a start has failed, where there is no end to restarts."""
IDLE = 2.0
"""Seconds without output after which a viewer whose input has ended leaves."""
LOG_BYTES = 512 * 1024
"""At which a log is rotated, once: below newsyslog.conf's own limit for console.log."""
SAID_LOOK = float(os.environ.get("BSDVIRT_SAID_LOOK", "60")) if sys.platform == "linux" else 0.0
"""Seconds between two looks at the log of bhyve's standard error, where nothing tells that
it grows."""
REPLAY_BYTES = 256 * 1024
"""Of the log, what a viewer is shown first."""
BEHIND_BYTES = 256 * 1024
"""What a viewer may lag behind before output is left out for it."""
CAUGHT_UP_BYTES = 16 * 1024
"""Of what it missed, what a viewer is shown when it reads again."""
TYPED_BYTES = 64 * 1024
REQUEST_BYTES = 4096
CLIENTS = 64

STOPPED = "stopped while starting"
NO_SUPERVISOR = 3
FORCED = 4
AGAIN, OVER, CRASH, FAILURE = "again", "over", "crash", "failure"
ALIVE = ("starting", "running", "paused", "stopping", "restarting")
STATE, JOB, SOCKET = "state.json", "run.json", "console.sock"
ROOT = os.environ.get("BSDVIRT_ROOT", "")
GUEST_ENVIRONMENT = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}
"""Of bhyve and of its loader. No TZ: with clock=local the guest's clock is localtime(3) of
that process, and the host's own zone is in /etc/localtime."""
if ROOT:
    GUEST_ENVIRONMENT["BSDVIRT_ROOT"] = ROOT
ENVIRONMENT = GUEST_ENVIRONMENT | {"LC_ALL": "C"}
"""Of the tools whose output is read."""
ERROR_LINE = re.compile(r"bhyve: \S.*: \S")
"""What err(3) prints; warn(3) prints the same, and bhyve goes on after it."""
QUERIES = tuple(b"\x1b[" + word for word in (b"6n", b"5n", b"c", b"0c", b">c", b">0c"))
"""What makes a terminal answer: played again, the answers would be typed to the guest."""


class Failed(Exception):  # noqa: N818
    """The guest cannot be run, for the reason given."""


class Refused(Exception):  # noqa: N818
    """The guest does not stop, and is not to be forced: it goes on without us."""


class Gone(Exception):  # noqa: N818
    """The supervisor ended before it answered."""


class TooSlow(Exception):  # noqa: N818
    """A tool took longer than it may."""


# ---- files and processes ----


def here(value: Any) -> Any:
    """A value of run.json with the host's / put before each absolute path in it."""
    if isinstance(value, str):
        return ROOT + value if value.startswith("/") else value
    if isinstance(value, list):
        return [here(item) for item in value]
    if isinstance(value, dict):
        return {key: here(item) for key, item in value.items()}
    return value


def read_json(path: str) -> dict[str, Any]:
    """What the file holds; nothing where it is not there, or no JSON object."""
    try:
        with open(path, "rb") as stream:
            value = json.loads(stream.read())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_file(path: str, text: str) -> None:
    """Put a file in place at once."""
    with open(path + ".new", "w") as stream:
        stream.write(text)
    os.rename(path + ".new", path)


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def try_lock(path: str, patience: float = 0.0) -> int | None:
    """The descriptor that holds the lock, or None where another process keeps it for so
    long. A command that only looks whether it is held has it for a moment itself."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(POLL)


def open_log(path: str) -> int:
    """A log to append to; one that has grown too large is moved aside. Where the disk is
    full it is /dev/null: a log is no reason to leave the guest alone."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    try:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_size > LOG_BYTES:
                os.rename(path, path + ".0")
        return os.open(path, flags | os.O_CREAT, 0o600)
    except OSError:
        return os.open("/dev/null", flags)


def run_tool(argv: list[str], output: int) -> int:
    """Run a tool to its end, its output into a descriptor; 127 where it is not there."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, 2 if output == 2 else output, 2),
    ]
    plain = (signal.SIGPIPE, signal.SIGHUP, signal.SIGXFSZ)
    try:
        pid = os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=actions, setsigdef=plain)
    except OSError:
        return 127
    signal.alarm(TOOL)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except TooSlow:
        os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        signal.alarm(0)


def read_tool(argv: list[str]) -> tuple[int, str]:
    """Run a tool that prints a few lines: its exit status, and those."""
    readable, writable = os.pipe()
    try:
        status = run_tool(argv, writable)
    finally:
        os.close(writable)
        text = os.read(readable, 4096).decode("utf-8", "replace")
        os.close(readable)
    return status, text


def identity(pid: int) -> tuple[str, str]:
    """When a process began, and its title; empty where there is no such process."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat") as stream:
                fields = stream.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/cmdline") as stream:
                title = stream.read().replace("\0", " ").strip()
        except OSError:
            return "", ""
        return ("", "") if fields[0] == "Z" else (fields[19], title)
    argv = ["/bin/ps", "-ww", "-o", "etimes=", "-o", "command=", "-p", str(pid)]
    seconds, _, title = read_tool(argv)[1].strip().partition(" ")
    return (began(seconds, time.monotonic()), title.strip()) if seconds else ("", "")


def began(seconds: str, now: float) -> str:
    """The second of the host's uptime in which a process began that ps(1) shows as so many
    seconds old: unlike the time of day, nobody can set it."""
    return str(round(now - int(seconds))) if seconds.isdigit() else ""


def same_start(one: str, other: str) -> bool:
    """Whether two looks at a process saw it begin at the same time. Both ps(1) and we cut
    off fractions of seconds; on Linux it is the tick."""
    if not (one.isdigit() and other.isdigit()):
        return bool(one) and one == other
    return abs(int(one) - int(other)) <= (0 if sys.platform == "linux" else 2)


def is_guest(name: str, pid: int, start: str) -> bool:
    """Whether that process is the bhyve that state.json tells of."""
    seen, title = identity(pid)
    return bool(seen) and (same_start(seen, start) or title.split(" (")[0] == f"bhyve: {name}")


# ---- what to wait for ----

if sys.platform == "linux":

    class Events:
        """poll(2) and pidfds: descriptors that are ready, processes that ended."""

        def __init__(self) -> None:
            self.poll = select.poll()
            self.pids: dict[int, int] = {}

        def want(self, fd: int, read: bool, write: bool = False) -> None:
            self.poll.register(fd, read * select.POLLIN | write * select.POLLOUT)

        def forget(self, fd: int) -> None:
            self.poll.unregister(fd)

        def watch_file(self, fd: int) -> None:
            """On Linux a file is looked at now and then: see SAID_LOOK."""

        def watch(self, pid: int) -> bool:
            """Be told of that process' end; whether it is there."""
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                return False
            self.pids[fd] = pid
            self.poll.register(fd, select.POLLIN)
            return True

        def wait(self, timeout: float | None) -> Iterator[tuple[str, int, int | None]]:
            for fd, bits in self.poll.poll(None if timeout is None else int(timeout * 1000) + 1):
                if fd in self.pids:
                    pid = self.pids.pop(fd)
                    self.poll.unregister(fd)
                    os.close(fd)
                    yield "end", pid, self.seen(pid)
                    continue
                if bits & ~select.POLLOUT:
                    yield "read", fd, None
                if bits & select.POLLOUT:
                    yield "write", fd, None

        @staticmethod
        def seen(pid: int) -> int | None:
            """The status of a process that is no child, as NOTE_EXIT tells it on FreeBSD:
            the simulated bhyve leaves it behind."""
            try:
                with open(f"{ROOT}/var/run/ended.{pid}") as stream:
                    return int(stream.read())
            except (OSError, ValueError):
                return None

else:

    class Events:
        """kqueue(2): descriptors that are ready, processes that ended."""

        def __init__(self) -> None:
            self.queue = select.kqueue()
            self.wanted: dict[int, tuple[bool, bool]] = {}

        def want(self, fd: int, read: bool, write: bool = False) -> None:
            filters = (select.KQ_FILTER_READ, select.KQ_FILTER_WRITE)
            now, new = self.wanted.get(fd, (False, False)), (read, write)
            changes = [
                select.kevent(fd, what, select.KQ_EV_ADD if on else select.KQ_EV_DELETE)
                for what, on, was in zip(filters, new, now, strict=True)
                if on != was
            ]
            if changes:
                self.queue.control(changes, 0)
            self.wanted[fd] = new

        def forget(self, fd: int) -> None:
            self.want(fd, False)
            del self.wanted[fd]

        def watch_file(self, fd: int) -> None:
            """Be told when the file has grown, until it is closed."""
            flags, notes = select.KQ_EV_ADD | select.KQ_EV_CLEAR, select.KQ_NOTE_EXTEND
            event = select.kevent(fd, select.KQ_FILTER_VNODE, flags, notes)
            # Some file systems cannot tell.
            with contextlib.suppress(OSError):
                self.queue.control([event], 0)

        def watch(self, pid: int) -> bool:
            """Be told of that process' end; whether it is there."""
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            try:
                self.queue.control([event], 0)
            except ProcessLookupError:
                return False
            return True

        def wait(self, timeout: float | None) -> Iterator[tuple[str, int, int | None]]:
            for event in self.queue.control(None, 16, timeout):
                if event.filter == select.KQ_FILTER_PROC:
                    yield "end", event.ident, event.data
                elif event.filter == select.KQ_FILTER_VNODE:
                    yield "grown", event.ident, None
                elif event.filter == select.KQ_FILTER_READ:
                    yield "read", event.ident, None
                else:
                    yield "write", event.ident, None


# ---- the console ----


def trim(path: str, fd: int) -> bool:
    """Move what is in a log aside that another process appends to, where it is too long;
    whether it was."""
    try:
        size = os.fstat(fd).st_size
        if size <= LOG_BYTES:
            return False
        kept = os.pread(fd, LOG_BYTES, size - LOG_BYTES)
        os.ftruncate(fd, 0)
        with open(path + ".0", "wb") as aside:
            aside.write(kept)
    except OSError:
        pass  # On a full disk what was there is lost.
    return True


class Log:
    """A bounded log: the file, and one before it. The descriptor is one for as long as the
    log is there, so that a tool may be given it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = open_log(path)
        self.size = os.fstat(self.fd).st_size

    def write(self, data: bytes) -> None:
        try:
            now = os.fstat(self.fd)
            if now.st_size + len(data) > LOG_BYTES or not stat.S_ISREG(now.st_mode):
                self.turn()
            os.write(self.fd, data)
            self.size = os.fstat(self.fd).st_size
        except OSError:
            pass  # A full disk must not take the guest's console away.

    def turn(self) -> None:
        """Begin another file under the same descriptor. Raises OSError where there is none
        to be had: the descriptor is then what it was."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path), os.fstat(self.fd)):
                os.rename(self.path, self.path + ".0")
        other = open_log(self.path)
        os.dup2(other, self.fd, inheritable=False)
        os.close(other)

    def recent(self, most: int) -> bytes:
        """The last bytes, from the beginning of a line; nothing where the disk fails."""
        try:
            data = os.pread(self.fd, most, max(0, self.size - most))
        except OSError:
            return b""
        if len(data) < most:
            with contextlib.suppress(OSError), open(self.path + ".0", "rb") as older:
                older.seek(0, os.SEEK_END)
                older.seek(max(0, older.tell() - most + len(data)))
                data = older.read() + data
        return data[data.find(b"\n") + 1 :] if len(data) >= most else data


def open_console(path: str) -> int:
    """Our end of the guest's console, raw. CLOCAL: the guest's end is closed and opened
    again at each reset, which must not hang up ours."""
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    make_raw(fd)
    return fd


def make_raw(fd: int) -> list[Any]:
    """cfmakeraw(3); the settings before."""
    before = termios.tcgetattr(fd)
    mode = list(before)
    mode[0] = termios.IGNBRK
    mode[1] &= ~termios.OPOST
    mode[2] &= ~(termios.CSIZE | termios.PARENB | termios.HUPCL)
    mode[2] |= termios.CS8 | termios.CREAD | termios.CLOCAL
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    mode[6] = list(mode[6])
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    return before


def plain(data: bytes) -> str:
    """What a terminal would show of it, more or less: no escape sequences, no controls."""
    shown: list[str] = []
    sequence = False
    for letter in data.decode("utf-8", "replace"):
        if sequence:
            sequence = not (letter.isalpha() or letter == "\x1b")
        elif letter == "\x1b":
            sequence = True
        elif letter.isprintable() or letter == "\n":
            shown.append(letter)
    return "".join(shown)


class Client:
    """Somebody on the socket: who looks at the console, or asked for something."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.asked = b""
        self.kind = ""
        self.out = bytearray()
        self.missed = 0
        self.silent = False
        self.leaving = False


# ---- how a run ended ----


def judge(
    status: int | None, uptime: float, said: str, *, off: bool | None = None, gone: bool = False
) -> tuple[str, str]:
    """What the end of bhyve was, and what follows from it. `status` is wait(2)'s, or None
    where nobody saw it; `said` is its standard error; `off` is whether vmm(4) has suspended
    the guest's CPUs, as any end does that the guest has brought about (None where it is not
    known); `gone` is that bhyve has destroyed its vmm device.

    Some of bhyve's statuses have two meanings: see vmexit_suspend() in its source, the
    err(1, ...) of passthrough, TPM and debugger, and what snapshot.c ends with.
    """
    if status is None:
        return "an end that nobody saw", CRASH
    if os.WIFSIGNALED(status):
        return f"killed by {signal_name(os.WTERMSIG(status))}", CRASH
    code = os.WEXITSTATUS(status)
    if code == 0 and gone:
        return "suspended", OVER
    if code == 0 and uptime < SETTLED and last_line(said).startswith("pipe: "):
        return "bhyve ended at once", FAILURE
    if code == 0:
        return "reset", AGAIN
    if code == 1:
        return judge_power_off(uptime, said, off)
    if code in (2, 5):
        return {2: "halt", 5: "suspended"}[code], OVER
    if code == 3:
        return "triple fault", CRASH
    if code > 128:
        return f"killed by {signal_name(code - 128)}", CRASH
    return f"bhyve ended with status {code}", FAILURE


def judge_power_off(uptime: float, said: str, off: bool | None) -> tuple[str, str]:
    """Of an end with status 1: the guest has powered off, or bhyve cannot go on."""
    if "Usage: " in said:
        return "bhyve ended at once", FAILURE
    if off:
        return "power off", OVER
    if uptime < SETTLED:
        return "bhyve ended at once", FAILURE
    if off is False or ERROR_LINE.match(last_line(said)):
        return "bhyve ended with status 1", FAILURE
    return "power off", OVER


def last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else ""


def meaning(status: int | None) -> str:
    """What bhyve(8) and sysexits(3) say of an exit status that is an error."""
    code = os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None
    known = {
        1: "it could not go on", 4: "an error in its configuration, or of a device",
        64: "a configuration that it does not take", 65: "data that it cannot use",
        71: "the host refused it something", 100: "an end that bhyve does not know",
        127: "it could not be run",
    }  # fmt: skip
    return f" (status {code}: {known[code]})" if code in known else ""


def numbers(status: int | None) -> dict[str, int | None]:
    """The exit code, or the signal, of a wait(2) status."""
    ended = status is not None and os.WIFEXITED(status)
    code = os.waitstatus_to_exitcode(status) if status is not None else None
    return {"code": code if ended else None, "signal": None if ended or code is None else -code}


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Supervisor:
    """One guest, in the current directory, from its start to its end."""

    def __init__(self, lock: int, *, ready: int | None = None) -> None:
        self.lock = lock
        self.ready = ready
        self.job = here(read_json(JOB))
        if self.job.get("v") != VERSION:
            raise Failed(f"{os.getcwd()}/{JOB} is missing, or of another version")
        self.name: str = self.job["name"]
        self.device = f"{ROOT}/dev/vmm/{self.name}"
        logs = self.job["logs"]
        os.makedirs(logs, 0o750, exist_ok=True)
        self.log = Log(f"{logs}/console.log")
        self.said_path = f"{logs}/bhyve.log"
        self.notes = Log(f"{logs}/supervisor.log")
        self.said_fd = -1
        self.said_from = 0
        self.events = Events()
        self.console: int | None = None
        self.typed = bytearray()
        self.clients: dict[int, Client] = {}
        self.timers: dict[str, float] = {}
        self.pid: int | None = None
        self.loading = False
        self.stopping = False
        self.forced = False
        self.again = False
        self.settled = False
        self.launched = 0.0
        self.retry = 0.0
        self.quick = 0
        self.crashes: list[float] = []
        self.failure = ""
        self.over = False
        self.mine = False
        self.visits = False
        self.state: dict[str, Any] = {
            "v": VERSION, "state": "starting", "pid": None, "start": "",
            "supervisor": os.getpid(), "runs": 0, "since": int(time.time()), "last": None,
            "vnc": self.job.get("vnc"), "loader": False,
        }  # fmt: skip

    # ---- from the beginning to the end ----

    def run(self, stop: tuple[float | None, bool] | None = None) -> bool:
        """Keep the guest until it has ended; whether it ended as it should. With `stop`
        (a timeout, and whether by force at once), a guest that runs is taken to its end."""
        self.visits = stop is not None
        self.listen_to_signals()
        self.listener = self.listen()
        try:
            self.begin(stop)
            while not self.over:
                for kind, ident, data in self.events.wait(self.patience()):
                    self.handle(kind, ident, data)
                self.act_in_time()
        except (Failed, OSError) as error:
            self.fail(str(error))
        self.finish()
        return not self.failure

    def begin(self, stop: tuple[float | None, bool] | None) -> None:
        """Find the guest where an earlier supervisor left it, or start it."""
        old = read_json(STATE)
        ours = old.get("state") in ALIVE
        pid = old.get("pid") if ours else None
        if os.path.exists(self.device) and not ours:
            raise Failed(f"there is a /dev/vmm/{self.name} already, which is not ours")
        lives = bool(pid) and is_guest(self.name, pid or 0, old.get("start", ""))
        if not lives:
            self.need_run_lock()
        self.mine = True
        if lives and pid and self.events.watch(pid):
            self.pid = pid
            self.state |= {key: old[key] for key in ("runs", "last", "start") if key in old}
            if old.get("loader"):
                # Where it stands nobody can say: it begins again.
                self.note("the loader that was left behind is ended")
                self.loading = self.again = True
                self.show("starting", pid=pid, loader=True)
                self.kill()
            else:
                self.adopt(old)
        elif stop is None:
            if ours:
                self.note("what an earlier supervisor left behind is cleared away")
            remove(self.job["failed"])
            self.launch(fresh=True)
        else:
            self.over = True
        if stop is not None and not self.over:
            self.stop(*stop)

    def need_run_lock(self) -> None:
        """Raises Refused where a process of the guest runs that state.json does not tell of,
        as after a full disk: its device must not be destroyed beneath it."""
        lock = try_lock("run.lock", LOOKING)
        if lock is None:
            remove(SOCKET)
            raise Refused(
                f"run.lock is held by a process that {STATE} does not tell of: end the process"
                f" `bhyve: {self.name}` first (ps -axo pid,command)"
            )
        os.close(lock)

    def adopt(self, old: dict[str, Any]) -> None:
        since = old.get("since", int(time.time()))
        self.launched = time.monotonic() - (time.time() - since)
        self.settled = True
        self.said_from = self.said_size()
        self.keep_said(open_log(self.said_path))
        self.open_console()
        state = "paused" if old["state"] == "paused" else "running"
        self.show(state, pid=self.pid, since=since, loader=False)
        self.note(f"took over the guest that runs as pid {self.pid}")
        self.tell_ready("ok")

    def finish(self) -> None:
        """Leave nothing behind: neither vmm's device, nor taps, nor files."""
        self.timers.clear()
        self.destroy()
        for argv in self.job["cleanup"]:
            self.tool(argv)
        rules = self.job.get("rules")
        if rules and os.path.exists(rules["file"]):
            for argv in (rules.get("filter"), rules["argv"]):
                if argv:
                    self.tool(argv)
            remove(rules["file"])
        remove(SOCKET)
        failed = self.job["failed"]
        if self.failure:
            os.makedirs(os.path.dirname(failed), 0o700, exist_ok=True)
            write_file(failed, self.failure + "\n")
            self.show("failed", pid=None, start="", supervisor=None, loader=False)
        else:
            self.show("stopped", pid=None, start="", supervisor=None, loader=False)
            self.remember()
            for name in (STATE, JOB, "bhyve.conf", "first.conf", "first-vars.fd"):
                remove(name)
        self.close_console()
        self.listener.close()
        end = "stopped by force" if self.forced else "stopped"
        for client in self.clients.values():
            if client.kind == "stop":
                self.send(client, line({"v": VERSION, "end": end}))
        # Who is told of the end may start the guest again at once.
        os.close(self.lock)
        # It may have been told long ago that the guest runs; if not, it never came to run.
        self.tell_ready(f"failed: {self.failure or self.unstarted()}")
        for client in list(self.clients.values()):
            self.part(client)

    def remember(self) -> None:
        """Keep how an end came about that was in order, beside the logs."""
        last = self.state["last"] or {"what": "", "at": int(time.time())}
        if self.stopping:
            asked = "stopped by force" if self.forced else "stopped"
            last = last | {"what": f"{asked} ({last['what']})" if last["what"] else asked}
        with contextlib.suppress(OSError):
            write_file(f"{self.job['logs']}/last.json", json.dumps(last) + "\n")

    def unstarted(self) -> str:
        """Why a guest that has not failed did not come to run."""
        if self.stopping:
            return STOPPED
        return f"it ended at once ({(self.state['last'] or {}).get('what', 'stopped')})"

    # ---- running it ----

    def launch(self, fresh: bool = False) -> None:
        """Run the loader, where there is one, and then bhyve. `fresh`: in a vmm of its
        own; else in the one that the reset left, where the guest's firmware can."""
        self.timers.pop("again", None)
        self.loading = self.again = False
        if fresh or not self.job["keep_vmm"]:
            self.destroy()
        self.show("starting" if not self.settled else "restarting", pid=None, start="")
        self.open_console(patiently=True)
        self.look_again()
        loader = self.job["loader"]
        if loader is None:
            self.boot()
            return
        self.loading = True
        once = loader.get("once") if not self.state["runs"] else None
        self.spawn(once or loader["argv"])
        self.timers["loader"] = time.monotonic() + loader["timeout"]

    def look_again(self) -> None:
        """Take what may be changed while the guest runs as run.json tells it now."""
        job = here(read_json(JOB))
        if job.get("v") == VERSION:
            self.job |= {key: job[key] for key in ("loader", "stop", "restart") if key in job}

    def boot(self) -> None:
        """Run bhyve itself."""
        self.loading = False
        self.state["runs"] += 1
        first = self.state["runs"] == 1
        argv = self.job.get("once") if first else None
        argv = argv or self.job["bhyve"]
        more = [] if first else self.job.get("again", [])
        self.spawn([*self.job["prefix"], *argv[:-1], *more, argv[-1]])
        self.timers["settled"] = time.monotonic() + SETTLED

    def spawn(self, argv: list[str]) -> None:
        """Begin a process that holds run.lock. It waits until we have written down who it
        is and its limits are set: without us, it ends before it has begun."""
        lock = try_lock("run.lock", LOOKING)
        if lock is None:
            raise Failed("run.lock is held: a process of this guest still runs")
        said = open_log(self.said_path)
        self.said_from = os.fstat(said).st_size
        held, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            become(argv, held, lock, said)
        for fd in (lock, held):
            os.close(fd)
        self.keep_said(said)
        self.pid, self.launched = pid, time.monotonic()
        self.events.watch(pid)
        state = "starting" if not self.settled else "restarting"
        self.show(state, pid=pid, start=identity(pid)[0], loader=self.loading)
        self.note("runs " + " ".join(argv))
        try:
            for limit in self.job["limits"]:
                if self.tool([word.replace("%PID%", str(pid)) for word in limit]):
                    raise Failed(f"a limit could not be set: {' '.join(limit)}")
            os.write(go, b"!")
        finally:
            os.close(go)
        if self.console is None:
            self.retry = 0.02
            self.timers["console"] = time.monotonic() + self.retry

    def keep_said(self, fd: int) -> None:
        """Watch how long the log of bhyve's standard error becomes: a guest can make bhyve
        complain as often as it likes."""
        if self.said_fd >= 0:
            os.close(self.said_fd)
        self.said_fd = fd
        self.events.watch_file(fd)
        if SAID_LOOK:
            self.timers["said"] = time.monotonic() + SAID_LOOK

    def trim_said(self) -> None:
        if trim(self.said_path, self.said_fd):
            self.said_from = 0
        if SAID_LOOK and self.pid is not None:
            self.timers["said"] = time.monotonic() + SAID_LOOK

    def ended(self, pid: int, status: int | None) -> None:
        """The loader or bhyve is no more."""
        if pid != self.pid:
            return
        # Where it was another supervisor's child, the event told its status.
        with contextlib.suppress(ChildProcessError):
            status = os.waitpid(pid, 0)[1]
        self.read_console()
        self.pid = None
        self.typed.clear()
        for name in ("loader", "settled", "press", "force", "kill"):
            self.timers.pop(name, None)
        if self.loading:
            self.loaded(status)
            return
        uptime = time.monotonic() - self.launched
        gone = not os.path.exists(self.device)
        off = self.is_off() if status == 1 << 8 and not gone else None
        what, follows = judge(status, uptime, self.said(), off=off, gone=gone)
        self.state["last"] = {"what": what, "at": int(time.time()), **numbers(status)}
        self.record(f"{uptime:.1f}s {what}")
        if self.stopping:
            self.over = True
        elif self.again:
            self.launch()
        else:
            self.follow(what, follows, uptime, meaning(status) if follows == FAILURE else "")

    def is_off(self) -> bool | None:
        """Whether vmm(4) has suspended CPUs of the guest; None where bhyvectl(8) does not
        tell. At a power-off all of them are, at an error of bhyve's none."""
        argv = [*self.job["destroy"][:-1], "--get-suspended-cpus"]
        status, text = read_tool(argv)
        label, colon, cpus = text.partition(":")
        if status or not colon or label.strip() != "suspended cpus":
            return None
        return bool(cpus.strip())

    def loaded(self, status: int | None) -> None:
        """The loader has ended: with 0, the guest's memory holds a kernel."""
        if self.stopping:
            self.over = True
        elif self.again:
            self.launch(fresh=True)
        elif status == 0:
            self.boot()
        else:
            how = "unseen" if status is None else judge(status, SETTLED, "")[0]
            how = how.replace("bhyve", "bhyveload") if status else how
            raise Failed(f"the guest's loader failed ({how}): {self.tail()}")

    def follow(self, what: str, follows: str, uptime: float, meaning: str) -> None:
        """What the policy says of an end that nobody asked for."""
        self.look_again()
        policy = self.job["restart"]
        if follows == CRASH and not self.settled:
            follows = FAILURE
        if follows == OVER or (follows == AGAIN and not policy["reset"]):
            self.over = True
        elif follows == AGAIN:
            self.tell_viewers(f"{self.name} resets")
            self.reset(uptime)
        elif follows == FAILURE or policy["crash"] != "restart":
            self.fail(f"{what}: {self.tail()}{meaning}")
        else:
            self.crashed(what)

    def reset(self, uptime: float) -> None:
        """Run it again; later and later where it resets within moments, again and again."""
        policy = self.job["restart"]
        if uptime >= SETTLED:
            self.quick = 0
            self.launch()
            return
        self.quick += 1
        if self.ready is not None and not self.settled and self.quick > (policy["most"] or QUICK):
            self.fail(f"it resets within moments, {self.quick} times now: {self.tail()}")
            return
        first, longest = policy["backoff"]
        self.show("restarting" if self.settled else "starting", pid=None, start="")
        delay = min(longest, first * 2 ** min(self.quick - 1, 16))
        self.timers["again"] = time.monotonic() + delay

    def crashed(self, what: str) -> None:
        policy, now = self.job["restart"], time.monotonic()
        self.crashes = [at for at in self.crashes if at > now - policy["window"]] + [now]
        if policy["most"] and len(self.crashes) > policy["most"]:
            self.fail(f"{what}; it was restarted {policy['most']} times in {policy['window']} s")
            return
        first, most = policy["backoff"]
        delay = min(most, first * 2 ** min(len(self.crashes) - 1, 16))
        self.note(f"{what}: runs again in {delay} s")
        self.tell_viewers(f"{self.name}: {what}; runs again in {delay} s")
        self.show("restarting", pid=None, start="")
        self.timers["again"] = now + delay

    def fail(self, reason: str) -> None:
        """The guest ends here, for a reason that people must learn of."""
        self.failure = " ".join(reason.split())[:600]
        self.record(f"failed: {self.failure}")
        self.over = True
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self.pid = None

    def destroy(self) -> None:
        """Free vmm's device, and with it the guest's memory."""
        for pause in (0.0, 0.2, 1.0):
            if not self.mine or not os.path.exists(self.device):
                return
            time.sleep(pause)
            self.tool(self.job["destroy"])

    # ---- what time brings ----

    def patience(self) -> float | None:
        if not self.timers:
            return None
        return max(0.0, min(self.timers.values()) - time.monotonic())

    def act_in_time(self) -> None:
        acts: dict[str, Callable[[], None]] = {
            "console": self.open_console, "loader": self.loader_too_slow,
            "settled": self.settle, "again": lambda: self.launch(fresh=True),
            "press": self.press, "force": self.insist, "kill": self.kill,
            "said": self.trim_said,
        }  # fmt: skip
        now = time.monotonic()
        for name in [name for name, at in self.timers.items() if at <= now]:
            if self.timers.pop(name, None) is not None and not self.over:
                acts[name]()

    def settle(self) -> None:
        """bhyve has lived for a moment: the guest is started."""
        if self.console is None:
            self.timers["settled"] = time.monotonic() + SETTLED
            return
        self.settled = True
        self.show("stopping" if self.stopping else "running", since=int(time.time() - SETTLED))
        if not self.stopping:
            self.tell_ready("ok")

    def loader_too_slow(self) -> None:
        seconds = self.job["loader"]["timeout"]
        raise Failed(
            f"the guest's loader did not load a kernel within {seconds} s "
            f"(is there a bootable FreeBSD on its disk?): {self.tail()}"
        )

    # ---- ending it ----

    def stop(self, timeout: float | None, force: bool) -> None:
        """Ask the guest to power off, and see to it that it does."""
        self.look_again()
        policy, now = self.job["stop"], time.monotonic()
        patience = policy["timeout"] if timeout is None else timeout
        if not self.stopping:
            self.stopping = True
            self.note("is asked to stop")
            self.show("stopping")
        if self.pid is None:
            self.over = True
        elif self.loading:
            self.kill()
        elif force or patience <= 0:
            self.force()
        else:
            self.press()
            if policy["force"]:
                self.timers["force"] = min(now + patience, self.timers.get("force", now + patience))
            else:
                self.timers["force"] = now + patience

    def press(self) -> None:
        self.go_on()
        self.progress("the power button is pressed (ACPI)")
        self.signal(signal.SIGTERM)
        self.timers["press"] = time.monotonic() + PRESS

    def insist(self) -> None:
        """The guest had its time."""
        if self.job["stop"]["force"]:
            self.force()
            return
        self.stopping = False
        self.timers.pop("press", None)
        self.show("running")
        error = f"{self.name} has not powered off in time, and is not to be forced"
        self.note(error)
        if self.visits:
            remove(SOCKET)
            raise Refused(error)
        for client in list(self.clients.values()):
            if client.kind == "stop":
                self.send(client, line({"v": VERSION, "error": error}))
                self.part(client)

    def force(self) -> None:
        self.go_on()
        self.progress("it is powered off by force")
        self.forced = True
        self.timers.pop("press", None)
        self.tool(self.job["poweroff"])
        self.timers["kill"] = time.monotonic() + KILL

    def kill(self) -> None:
        self.progress("it is killed")
        self.signal(signal.SIGKILL)

    def go_on(self) -> None:
        """A process that is stopped hears nothing."""
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        try:
            if self.pid is not None:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # Its end is on the way to us.

    def progress(self, text: str) -> None:
        self.note(text)
        if self.ready is None and not self.clients:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)
        for client in list(self.clients.values()):
            if client.kind == "stop":
                self.send(client, line({"v": VERSION, "progress": text}))

    # ---- the socket ----

    def listen(self) -> socket.socket:
        remove(SOCKET)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Its path may be longer than an address holds, so it is named from where we are.
        listener.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
        listener.listen(16)
        listener.setblocking(False)
        self.events.want(listener.fileno(), True)
        return listener

    def handle(self, kind: str, ident: int, data: int | None) -> None:
        if kind == "end":
            self.ended(ident, data)
        elif kind == "grown":
            self.trim_said()
        elif ident == self.console:
            if kind == "read":
                self.read_console()
            else:
                self.write_console()
        elif ident == self.wake:
            self.signalled()
        elif ident == self.listener.fileno():
            self.accept()
        elif ident in self.clients:
            client = self.clients[ident]
            if kind == "read":
                self.hear(client)
            else:
                self.flush(client)

    def want(self, client: Client, write: bool = False) -> None:
        """Wait for what the client says, while it may still say something."""
        self.events.want(client.link.fileno(), not (client.leaving or client.silent), write)

    def accept(self) -> None:
        try:
            link, _ = self.listener.accept()
        except OSError:
            return
        if len(self.clients) >= CLIENTS:
            # Of those that say nothing more nobody knows whether they still listen.
            silent = next((one for one in self.clients.values() if one.silent), None)
            if silent is None:
                link.close()
                return
            self.part(silent)
        link.setblocking(False)
        self.clients[link.fileno()] = Client(link)
        self.events.want(link.fileno(), True)

    def hear(self, client: Client) -> None:
        try:
            data = client.link.recv(REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and client.kind == "console" and not client.silent:
            # Who only ends to speak goes on to listen.
            client.silent = True
            self.want(client, bool(client.out))
        elif not data:
            client.leaving = True
            self.flush(client)
        elif client.kind == "console":
            self.type(data)
        elif not client.kind:
            client.asked += data
            request, newline, rest = client.asked.partition(b"\n")
            if newline:
                self.answer(client, request, rest)
            elif len(client.asked) > REQUEST_BYTES:
                self.part(client)

    def answer(self, client: Client, text: bytes, rest: bytes) -> None:
        """Do what the client's first line asks for."""
        try:
            request = json.loads(text)
            verb, version = request["do"], request["v"]
            patience = request.get("timeout")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            verb, version, patience = None, VERSION, None
        client.kind = "done"
        reply: dict[str, Any] = {"v": VERSION, "ok": True}
        error = ""
        if version != VERSION:
            error = f"this supervisor speaks version {VERSION} only; start the guest anew"
        elif verb == "console":
            client.kind = "console"
            self.send(client, line(reply))
            if request.get("log"):
                self.send(client, without_queries(self.log.recent(REPLAY_BYTES)))
            if rest:
                self.type(rest)
            return
        elif verb == "stop" and not is_patience(patience):
            error = "timeout is to be a number of seconds"
        elif verb == "stop":
            client.kind = "stop"
            self.send(client, line(reply))
            self.stop(patience, bool(request.get("force")))
            return
        elif verb == "status":
            reply["state"] = self.state
        elif verb in ("reset", "pause", "resume", "nmi"):
            error = self.control(verb)
        else:
            error = f"this supervisor knows no such request: {verb}"
        if error:
            reply = {"v": VERSION, "ok": False, "error": error}
        self.send(client, line(reply))
        client.leaving = True
        self.flush(client)

    def control(self, verb: str) -> str:
        """Reset, pause, resume or interrupt; what is wrong, where it cannot be done."""
        paused = self.state["state"] == "paused"
        if self.pid is None or self.loading or self.stopping:
            return f"{self.name} is {self.state['state']}, and does not run"
        if verb == "pause":
            self.signal(signal.SIGSTOP)
            self.show("paused")
        elif verb == "resume":
            self.go_on()
            self.show("running")
        elif paused:
            return f"{self.name} is paused: resume it first"
        elif verb == "nmi":
            if self.tool(self.job["nmi"]):
                return "bhyvectl could not inject an NMI; see supervisor.log"
        elif self.tool(self.job["force_reset"]):
            return "bhyvectl could not reset it; see supervisor.log"
        else:
            self.again = True
        return ""

    def send(self, client: Client, data: bytes) -> None:
        """Give data to a client. One that does not read it holds up nobody."""
        if client.leaving:
            return
        if client.missed or (client.out and len(client.out) + len(data) > BEHIND_BYTES):
            client.missed += len(data)
            return
        client.out += data
        self.flush(client)

    def flush(self, client: Client) -> None:
        try:
            while client.out:
                del client.out[: client.link.send(client.out)]
                if client.missed and not client.out:
                    client.out += b"\r\n[output is missing here: this terminal was too slow]\r\n"
                    client.out += self.log.recent(min(client.missed, CAUGHT_UP_BYTES))
                    client.missed = 0
        except BlockingIOError:
            self.want(client, write=True)
            return
        except OSError:
            client.out.clear()
            client.leaving = True
        if client.leaving:
            self.part(client)
        else:
            self.want(client)

    def part(self, client: Client) -> None:
        """Close a client's connection, with what it can still take at once."""
        if self.clients.pop(client.link.fileno(), None) is None:
            return
        self.events.forget(client.link.fileno())
        with contextlib.suppress(OSError):
            if client.out:
                client.link.send(client.out)
        client.link.close()

    # ---- the console ----

    def open_console(self, patiently: bool = False) -> None:
        """Open our end, if it is not. On the simulated host it appears with bhyve."""
        if self.console is not None:
            return
        path = self.job["console"]
        try:
            if patiently and os.path.islink(path):
                os.unlink(path)
            self.console = open_console(path)
        except (OSError, termios.error) as error:
            if patiently and not (ROOT and error.args[0] == errno.ENOENT):
                raise Failed(f"the console {path} cannot be opened: {error.args[1]}") from None
            if self.pid is not None:
                self.retry = min(1.0, (self.retry or 0.01) * 2)
                self.timers["console"] = time.monotonic() + self.retry
            return
        self.events.want(self.console, True)

    def close_console(self) -> None:
        if self.console is None:
            return
        self.events.forget(self.console)
        with contextlib.suppress(termios.error):
            # Else close(2) waits for a guest that does not read.
            termios.tcflush(self.console, termios.TCIOFLUSH)
        os.close(self.console)
        self.console = None

    def read_console(self) -> None:
        """Take what the guest prints: for the log, and for all who look on."""
        if self.console is None:
            return
        try:
            data = os.read(self.console, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close_console()
            if self.pid is not None:
                self.retry = 0.02
                self.timers["console"] = time.monotonic() + self.retry
            return
        self.log.write(data)
        for client in list(self.clients.values()):
            if client.kind == "console":
                self.send(client, data)

    def type(self, data: bytes) -> None:
        """Give the guest what a viewer types; lost where nothing runs to read it."""
        if self.pid is None or self.console is None:
            return
        if "loader" in self.timers:
            self.timers["loader"] = time.monotonic() + TYPING
        self.typed += data[: TYPED_BYTES - len(self.typed)]
        self.write_console()

    def write_console(self) -> None:
        if self.console is None:
            return
        try:
            while self.typed:
                del self.typed[: os.write(self.console, self.typed)]
        except BlockingIOError:
            pass  # The guest does not read now: the rest goes when it does.
        except OSError:
            self.typed.clear()
        self.events.want(self.console, True, bool(self.typed))

    def tell_viewers(self, text: str) -> None:
        for client in list(self.clients.values()):
            if client.kind == "console":
                self.send(client, f"\r\n[{text}]\r\n".encode())

    # ---- signals ----

    def listen_to_signals(self) -> None:
        """SIGTERM is the request to stop the guest; a second one, by force."""
        self.wake, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGALRM, too_slow)
        if self.ready is not None:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.events.want(self.wake, True)

    def signalled(self) -> None:
        if set(os.read(self.wake, 64)) & {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
            self.stop(None, force=self.stopping)

    # ---- what is written down ----

    def show(self, state: str, **more: Any) -> None:
        """Write state.json. A full disk is no reason to leave the guest alone."""
        self.state |= {"state": state, **more}
        try:
            write_file(STATE, json.dumps(self.state) + "\n")
        except OSError as error:
            self.note(f"{STATE}: {error.strerror}")

    def note(self, text: str) -> None:
        """A line in supervisor.log."""
        self.notes.write(f"{stamp()} {text}\n".encode())

    def record(self, text: str) -> None:
        """A line there and in the log of events of all guests."""
        self.note(text)
        with contextlib.suppress(OSError):
            fd = open_log_of_all(self.job["events"])
            os.write(fd, f"{stamp()} guest {self.name} {text}\n".encode())
            os.close(fd)

    def tool(self, argv: list[str]) -> int:
        status = run_tool(argv, self.notes.fd)
        if status:
            self.note(f"status {status}: {' '.join(argv)}")
        return status

    def said_size(self) -> int:
        try:
            return os.stat(self.said_path).st_size
        except OSError:
            return 0

    def said(self) -> str:
        """What bhyve or the loader wrote to its standard error in this run."""
        try:
            with open(self.said_path, "rb") as stream:
                stream.seek(max(self.said_from, self.said_size() - 4096))
                return plain(stream.read())
        except OSError:
            return ""

    def tail(self) -> str:
        """The last lines of that, or else of the console."""
        for text in (self.said(), plain(self.log.recent(2048))):
            lines = [entry.strip() for entry in text.splitlines() if entry.strip()]
            if lines:
                return "; ".join(lines[-3:])
        return "it said nothing"

    def tell_ready(self, text: str) -> None:
        """Tell who started us, once."""
        if self.ready is not None and self.ready >= 0:
            with contextlib.suppress(OSError):
                os.write(self.ready, text.encode())
            os.close(self.ready)
            self.ready = -1


def become(argv: list[str], held: int, lock: int, said: int) -> NoReturn:
    """In the child: wait for the word to go, then be that program."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (
            signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGPIPE,
            signal.SIGXFSZ,
        ):  # fmt: skip
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        if os.read(held, 1):
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            os.set_inheritable(lock, True)
            os.chdir("/")
            os.execve(argv[0], argv, GUEST_ENVIRONMENT)
    except OSError as error:
        os.write(said, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def is_patience(value: object) -> bool:
    """Whether it is a number of seconds, or that none is given."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= float(str(value)) <= LONGEST)


def too_slow(*_: object) -> NoReturn:
    raise TooSlow


def stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def open_log_of_all(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def without_queries(data: bytes) -> bytes:
    for query in QUERIES:
        data = data.replace(query, b"")
    return data


# ---- the modes ----


def start() -> int:
    """Detach, and wait for the word that the guest runs."""
    heard, told = os.pipe()
    if os.fork() == 0:
        os.close(heard)
        detach(told)
    os.close(told)
    text = b""
    while data := os.read(heard, 4096):
        text += data
    word = text.decode("utf-8", "replace")
    if word in ("ok", "already"):
        print("started" if word == "ok" else "already")
        return 0
    raise Failed(word.removeprefix("failed: ") or "the supervisor ended; see supervisor.log")


def detach(told: int) -> NoReturn:
    """Become a daemon, and the supervisor of the guest."""
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            status = supervise(told)
    finally:
        os._exit(status)


def first_lock() -> int | None:
    """The supervisor's lock; None where one answers that has it. Raises Failed where it is
    held, and none answers: a command that only looks at it has it for a moment."""
    deadline = time.monotonic() + LOOKING
    while (lock := try_lock("supervisor.lock")) is None:
        if answers():
            return None
        if time.monotonic() >= deadline:
            raise Failed("supervisor.lock is held, and no supervisor answers; try again")
        time.sleep(POLL)
    return lock


def answers() -> bool:
    """Whether a supervisor answers."""
    with contextlib.suppress(Gone, Failed, OSError, ValueError):
        if (asked := ask({"do": "status"}, LOOKING)) is not None:
            asked[0].close()
            return True
    return False


def supervise(told: int) -> int:
    try:
        lock = first_lock()
        if lock is None:
            word = b"failed: it is just being stopped; try again in a moment"
            os.write(told, word if read_json(STATE).get("state") == "stopping" else b"already")
            return 0
        supervisor = Supervisor(lock, ready=told)
        os.dup2(supervisor.notes.fd, 1)
        os.dup2(supervisor.notes.fd, 2)
        return 0 if supervisor.run() else 1
    except (Failed, Refused, OSError, KeyError) as error:
        sys.excepthook(*sys.exc_info())
        with contextlib.suppress(OSError):
            os.write(told, f"failed: {error}".encode())
        return 1


def foreground() -> int:
    lock = first_lock()
    if lock is None:
        raise Failed("a supervisor keeps this guest already")
    supervisor = Supervisor(lock)
    if not supervisor.run():
        raise Failed(supervisor.failure)
    return 0


def ask(
    request: dict[str, Any], patience: float | None = None
) -> tuple[socket.socket, dict[str, Any], bytes] | None:
    """The supervisor's answer, the connection, and what came with it; None where there is
    no supervisor. Raises Gone where it ended meanwhile."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(patience)
    try:
        link.connect(SOCKET)
        link.sendall(line({"v": VERSION} | request))
        text = b""
        while b"\n" not in text:
            data = link.recv(65536)
            if not data:
                raise Gone
            text += data
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        return None
    except ConnectionError:
        raise Gone from None
    first, _, rest = text.partition(b"\n")
    answer = json.loads(first)
    if not answer.get("ok"):
        raise Failed(answer.get("error", "the supervisor refused"))
    return link, answer, rest


def control(verb: str) -> int:
    if ask({"do": verb}) is None:
        return none_runs()
    return 0


def none_runs() -> int:
    print("no supervisor runs for this guest", file=sys.stderr)
    return NO_SUPERVISOR


def stop(words: list[str]) -> int:
    """Have the guest stopped, and wait for it."""
    force = "--force" in words
    timeout = float(words[words.index("--timeout") + 1]) if "--timeout" in words else None
    there = True
    with contextlib.suppress(Gone, ConnectionError):
        asked = ask({"do": "stop", "timeout": timeout, "force": force})
        there = asked is not None
        if asked is not None and (end := follow_stop(*asked)):
            print(end)
            return 0 if end == "stopped" else FORCED
    # There was none, it was killed, or it is just ending: what it leaves is ours to end.
    lock = wait_for_lock("supervisor.lock")
    if read_json(STATE).get("state") not in ALIVE:
        if there:
            print("stopped")
            return 0
        return none_runs()
    supervisor = Supervisor(lock)
    supervisor.run((timeout, force))
    print("stopped by force" if supervisor.forced else "stopped")
    return FORCED if supervisor.forced else 0


def follow_stop(link: socket.socket, _: dict[str, Any], rest: bytes) -> str:
    """Tell what the supervisor tells; how the guest ended, or nothing where the supervisor
    itself ended first. Raises Failed where the guest goes on."""
    with link, link.makefile("rb") as stream:
        if rest and not rest.endswith(b"\n"):
            rest += stream.readline()
        lines = rest.splitlines()
        while lines or (lines := [stream.readline()]) != [b""]:
            told = json.loads(lines.pop(0))
            if "progress" in told:
                print(told["progress"], file=sys.stderr, flush=True)
            if "error" in told:
                raise Failed(told["error"])
            if "end" in told:
                return str(told["end"])
    return ""


def wait_for_lock(path: str) -> int:
    """The lock, as soon as its supervisor has ended. Raises Failed where it does not."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(ENDING)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except TooSlow:
        raise Failed("its supervisor does not answer") from None
    finally:
        signal.alarm(0)
    return lock


def console(words: list[str]) -> int:
    """Be the guest's terminal."""
    asked = ask({"do": "console", "log": "--log-first" in words})
    if asked is None:
        return none_runs()
    link, _, rest = asked
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    name = here(read_json(JOB)).get("name", "the guest")
    before = None
    if os.isatty(0):
        print(f"The console of {name}; leave it with ~. or Ctrl-]", file=sys.stderr, flush=True)
        before = make_raw(0)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        left = show_console(link, rest)
    finally:
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    if left:
        if before is not None:
            print("\nLeft the console.", file=sys.stderr)
        return 0
    if read_json(STATE).get("state") in ALIVE:
        raise Failed(f"the supervisor of {name} is gone: `bsdvirt start {name}` replaces it")
    if before is not None:
        print(f"\n{name} has ended.", file=sys.stderr)
    return 0


def show_console(link: socket.socket, data: bytes) -> bool:
    """Pass bytes both ways; whether it was the user who left, or whose input has ended."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(link, select.POLLIN)
    keys = Keys()
    write_all(1, data)
    patience: float | None = None
    while True:
        ready = {fd for fd, _ in poll.poll(patience)}
        if not ready:
            return True
        if link.fileno() in ready:
            try:
                data = link.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return patience is not None
            write_all(1, data)
        if 0 in ready:
            data = os.read(0, 4096)
            with contextlib.suppress(OSError):  # The other direction tells how it ended.
                link.sendall(keys.pass_on(data))
                if not data:
                    link.sendall(keys.held())
                    link.shutdown(socket.SHUT_WR)
            if keys.leave:
                return True
            if not data:
                # What was typed is still answered; who falls silent then has ended.
                poll.unregister(0)
                patience = IDLE * 1000


class Keys:
    """What is typed, but for the two ways to leave: Ctrl-], and ~. on a line of its own."""

    def __init__(self) -> None:
        self.at_line = True
        self.tilde = False
        self.leave = False

    def held(self) -> bytes:
        """What was typed last, and might have been the beginning of a way to leave."""
        return b"~" if self.tilde and not self.leave else b""

    def pass_on(self, data: bytes) -> bytes:
        passed = bytearray()
        for key in data:
            if key == 0x1D or (self.tilde and key == ord(".")):
                self.leave = True
                break
            if self.tilde:
                self.tilde = False
                passed += b"~"
                if key == ord("~"):
                    self.at_line = False
                    continue
            elif self.at_line and key == ord("~"):
                self.tilde = True
                continue
            passed.append(key)
            self.at_line = key in b"\r\n"
        return bytes(passed)


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def status() -> int:
    state = read_json(STATE)
    if not state:
        return none_runs()
    print(json.dumps(state))
    return 0


def run_compiled(words: list[str]) -> None:
    """Go on from this file's bytecode: what compiling it here takes would stay for as long
    as the guest runs, and is more than all that the supervisor keeps in mind itself."""
    if not __file__.endswith(".py"):
        return
    directory, _, name = os.path.abspath(__file__).rpartition("/")
    compiled = f"{directory}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
    try:
        if not is_fresh(compiled):
            import py_compile

            py_compile.compile(__file__, compiled, doraise=True)
        os.execv(sys.executable, [sys.executable, "-I", "-S", compiled, *words])
    except Exception as error:  # It is no reason not to run.
        print(f"not run from bytecode: {error}", file=sys.stderr)


def is_fresh(compiled: str) -> bool:
    """Whether the bytecode is of the source as it is (PEP 552: by its time and size)."""
    try:
        with open(compiled, "rb") as stream:
            head = stream.read(16)
    except OSError:
        return False
    source = os.stat(__file__)
    known = (int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    return head[4:8] == bytes(4) and known == (
        int.from_bytes(head[8:12], "little"),
        int.from_bytes(head[12:16], "little"),
    )


def main(words: list[str]) -> int:
    """Do what the arguments say; the exit status."""
    modes: dict[str, Callable[[], int]] = {
        "start": start,
        "foreground": foreground,
        "status": status,
        "stop": lambda: stop(words[2:]),
        "console": lambda: console(words[2:]),
        **{verb: functools.partial(control, verb) for verb in ("reset", "pause", "resume", "nmi")},
    }
    if len(words) < 2 or words[0] not in modes:
        print(__doc__, file=sys.stderr)
        return 1
    if words[0] in ("start", "foreground"):
        run_compiled(words)
    os.umask(0o077)
    try:
        os.chdir(here(words[1]))
        return modes[words[0]]()
    except (FileNotFoundError, NotADirectoryError, Gone):
        return none_runs()
    except (Failed, Refused, OSError, KeyError) as error:
        print(f"{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
