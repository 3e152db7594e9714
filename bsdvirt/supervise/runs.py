"""The runs of a bhyve guest, one after the other: loader, bhyve, what follows from each end.

nmdm(4) keeps a pair of terminals for as long as one end of it is open.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial

from bsdvirt.supervise import process
from bsdvirt.supervise.attend import Supervisor
from bsdvirt.supervise.console import Console
from bsdvirt.supervise.devices.swtpm import Swtpm
from bsdvirt.supervise.ends import (
    AGAIN,
    CRASH,
    FAILURE,
    OVER,
    judge,
    last_words,
    loader_end,
    meaning,
    numbers,
)
from bsdvirt.supervise.files import ROOT, Failed, Json, here, read_json, stamp, try_lock
from bsdvirt.supervise.killed import cause
from bsdvirt.supervise.log import Log, plain
from bsdvirt.supervise.policy import SETTLED, Restarts
from bsdvirt.supervise.server import VERSION, Reply, Server

TYPING = 600.0
"""Seconds for each key that is typed at the loader's prompt."""
BEGINNING = 60.0
"""Seconds after which bhyve is taken to run the guest, whatever its title is."""
QUICK = 10
"""Resets within moments after which a start has failed, where restarts have no limit."""
REASON = 600
"""Characters of the reason of a failure."""
TAIL_BYTES = 2048
LOOKING = 10.0
"""Seconds to wait for a lock that no supervisor and no guest holds."""
SAID_BYTES = 4096
ENVIRONMENT = process.PASSED | {"PATH": process.ENVIRONMENT["PATH"]}
"""Of bhyve and of its loader. No TZ: with clock=local the guest's clock is localtime(3) of
that process, and the host's own zone is in /etc/localtime."""
RUN_LOCK = "run.lock"
"""bhyve inherits it: held means running."""
READ_AGAIN = ("loader", "stop", "restart", "prefix", "limits")
"""The parts of run.json that may be changed while the guest runs."""
STATE, JOB, SOCKET = "state.json", "run.json", "console.sock"


def read_job() -> Json:
    """Return what to run; empty where the file is missing, or of another version."""
    job: Json = here(read_json(JOB))
    return job if job.get("v") == VERSION else {}


class Runs(Supervisor):
    """A guest and its console, in its run directory: run.json says what to run."""

    kind = "guest"

    def __init__(self, ready: int | None) -> None:
        job = read_job()
        if not job:
            raise Failed(f"{os.getcwd()}/{JOB} is missing, or of another version")
        super().__init__(job, STATE, ready)
        os.makedirs(job["logs"], 0o750, exist_ok=True)
        self.log = Log(f"{job['logs']}/console.log")
        self.notes = Log(f"{job['logs']}/supervisor.log")
        # What the loader and bhyve complain of: as often as a guest makes them.
        self.said = Log(f"{job['logs']}/bhyve.log")
        self.device = f"{ROOT}/dev/vmm/{self.name}"
        self.console = Console(job["console"], self.events, self._printed)
        self.server = Server(SOCKET, self.events, self.log, self.request, self._typed)
        self.tpm = Swtpm(job.get("tpm") or {}, self.events, self.notes)
        self.resets = Restarts()
        self.loading = False
        self.forced = False
        self.again = False
        self.settled = False
        self.failure = ""
        self.state = {
            "v": VERSION, "state": "starting", "pid": None, "start": "",
            "supervisor": os.getpid(), "runs": 0, "since": int(time.time()), "last": None,
            "vnc": job.get("vnc"), "loader": False,
        }  # fmt: skip

    def request(self, request: Json) -> Reply:
        """Do what a client asks for."""
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Write a line into supervisor.log."""
        self.notes.write(f"{stamp()} {text}\n".encode())

    def record(self, text: str, *, ok: bool = True) -> None:
        self.note(text)
        super().record(text, ok=ok)

    # ---- a run ----

    def launch(self, fresh: bool = False) -> None:
        """Run the loader, where there is one, and then bhyve. `fresh`: in a vmm device of its
        own; else in the one that the reset left, where the guest's firmware can."""
        self.events.cancel("again")
        self.loading = self.again = False
        if fresh or not self.job["keep_vmm"]:
            self.destroy()
        self.show(self.starting, pid=None, start="")
        self.console.open_first()
        self.look_again()
        loader = self.job["loader"]
        if loader is None:
            self._boot()
            return
        self.loading = True
        once = loader.get("once") if not self.state["runs"] else None
        self._spawn(once or loader["argv"])
        self.events.after("loader", loader["timeout"], self._loader_too_slow)

    @property
    def starting(self) -> str:
        return "restarting" if self.settled else "starting"

    def look_again(self) -> None:
        """Take what may be changed while the guest runs from run.json as it is now."""
        job = read_job()
        self.job |= {key: job[key] for key in READ_AGAIN if key in job}

    def _boot(self) -> None:
        """Run bhyve itself."""
        self.loading = False
        self.tpm.start()
        self.state["runs"] += 1
        first = self.state["runs"] == 1
        argv = (self.job.get("once") if first else None) or self.job["bhyve"]
        more = [] if first else self.job.get("again", [])
        self._spawn([*self.job["prefix"], *argv[:-1], *more, argv[-1]])
        self.events.after("settled", SETTLED, self._settle)

    def _spawn(self, argv: list[str]) -> None:
        """Run a process that holds run.lock. It waits until we have written down who it is,
        and its limits are set: without us, it ends before it has begun."""
        lock = try_lock(RUN_LOCK, LOOKING)
        if lock is None:
            raise Failed("run.lock is held: a process of this guest still runs")
        self.said.set_mark()
        held, go = os.pipe()

        def ready() -> bool:
            os.close(go)
            os.set_inheritable(lock, True)
            return bool(os.read(held, 1))

        pid = process.spawn(argv, ENVIRONMENT, self.said.fd, ready)
        for fd in (lock, held):
            os.close(fd)
        try:
            self.launched = time.monotonic()
            self.runs_as(pid)
            start = process.identity(pid)[0]
            self.show(self.starting, pid=pid, start=start, loader=self.loading)
            self.note("runs " + " ".join(argv))
            for limit in self.job["limits"]:
                if self.tool([word.replace("%PID%", str(pid)) for word in limit]):
                    raise Failed(f"a limit could not be set: {' '.join(limit)}")
            os.write(go, b"!")
        finally:
            os.close(go)
        self.console.open_soon()

    def runs_as(self, pid: int) -> bool:
        """Watch that process; whether there is one."""
        self.pid = pid
        self.events.watch_file(self.said.fd, self.said.trim)
        return self.events.watch(pid, partial(self._ended, pid))

    def _ended(self, pid: int, seen: int | None) -> None:
        """The loader or bhyve has ended."""
        if pid != self.pid:
            return
        status = process.reap(pid, seen)
        self.console.end_run()
        self.pid = None
        self.events.cancel("loader", "settled", "press", "force", "kill")
        if self.loading:
            self._loaded(status)
            return
        uptime = self.lasted()
        gone = not os.path.exists(self.device)
        off = self._is_off() if status == 1 << 8 and not gone else None
        what, follows = judge(status, uptime, self._said(), off=off, gone=gone)
        self.tpm.end()
        if not self.stopping:
            what += cause(pid, status, self.job["logs"], limited=bool(self.job["limits"]))
        self.state["last"] = {"what": what, "at": int(time.time()), **numbers(status)}
        self.record(f"{uptime:.1f}s {what}", ok=follows not in (CRASH, FAILURE))
        if self.stopping:
            self.leave()
        elif self.again:
            self.launch()
        else:
            self._follow(what, follows, uptime, meaning(status) if follows == FAILURE else "")

    def _loaded(self, status: int | None) -> None:
        """The loader has ended: with 0, the guest's memory holds a kernel."""
        if self.stopping:
            self.leave()
        elif self.again:
            self.launch(fresh=True)
        elif status == 0:
            self._boot()
        else:
            raise Failed(f"the guest's loader failed ({loader_end(status)}): {self._tail()}")

    def _follow(self, what: str, follows: str, uptime: float, meaning: str) -> None:
        """Do what the policy says of an end that was not asked for."""
        self.look_again()
        policy = self.job["restart"]
        if follows == CRASH and not self.settled:
            follows = FAILURE
        if follows == OVER or (follows == AGAIN and not policy["reset"]):
            self.leave()
        elif follows == AGAIN:
            self.server.tell_viewers(f"{self.name} resets")
            self._reset(uptime)
        elif follows == FAILURE or policy["crash"] != "restart":
            self.fail(f"{what}: {self._tail()}{meaning}")
        elif self.restarts.count(policy):
            self._crashed(what, self.restarts.pause(policy, uptime))
        else:
            most, window = policy["most"], policy["window"]
            self.fail(f"{what}; it was restarted {most} times in {window} s")

    def _reset(self, uptime: float) -> None:
        """Run it again; later and later where it resets again and again, again and again."""
        if uptime >= SETTLED:
            self.resets = Restarts()
            self.launch()
            return
        policy = self.job["restart"]
        pause, times = self.resets.pause(policy, 0.0), self.resets.quick
        if self.ready is not None and not self.settled and times > (policy["most"] or QUICK):
            self.fail(f"it resets again and again, {times} times now: {self._tail()}")
            return
        self._launch_after(pause)

    def _crashed(self, what: str, pause: float) -> None:
        self.note(f"{what}: runs again in {pause:g} s")
        self.server.tell_viewers(f"{self.name}: {what}; runs again in {pause:g} s")
        self._launch_after(pause)

    def _launch_after(self, pause: float) -> None:
        self.show(self.starting, pid=None, start="")
        self.events.after("again", pause, partial(self.launch, fresh=True))

    def _settle(self) -> None:
        """bhyve has run for a moment: the guest is started."""
        if self.console.fd is None or not self._has_begun():
            self.events.after("settled", SETTLED, self._settle)
            return
        self.settled = True
        self.show("stopping" if self.stopping else "running", since=int(time.time() - SETTLED))
        if not self.stopping:
            self.tell_ready("ok")

    def _has_begun(self) -> bool:
        """Whether bhyve has made all devices and runs the guest: it then gives itself a title
        (bhyverun.c). Before that it may wait for a viewer of its screen, in the first run."""
        waits = self.state["runs"] == 1 and self.job.get("again")
        if waits or self.pid is None or self.lasted() > BEGINNING:
            return True
        return process.identity(self.pid)[1].startswith(process.BHYVE)

    def _loader_too_slow(self) -> None:
        seconds = self.job["loader"]["timeout"]
        raise Failed(
            f"the guest's loader did not load a kernel within {seconds} s "
            f"(is there a bootable FreeBSD on its disk?): {self._tail()}"
        )

    def fail(self, reason: str) -> None:
        """End the guest, for a reason that must be known."""
        self.failure = " ".join(reason.split())[:REASON]
        self.record(f"failed: {self.failure}", ok=False)
        self.leave()
        self.signal(signal.SIGKILL)
        if self.pid is not None:
            process.reap(self.pid, None)
        self.tpm.end()

    def signal(self, number: int) -> None:
        """Send a signal to the loader or to bhyve."""
        # Where it is no more, the event of its end is on the way.
        with contextlib.suppress(ProcessLookupError):
            if self.pid is not None:
                os.kill(self.pid, number)

    # ---- the device ----

    def tool(self, argv: list[str]) -> int:
        """Run a tool, and write what it prints into supervisor.log; its exit status."""
        status, printed = process.run(argv)
        if status or printed:
            self.note(f"status {status}: {' '.join(argv)}: {' '.join(printed.split())}")
        return status

    def destroy(self) -> None:
        """Destroy the device, and with it the guest's memory."""
        for pause in (0.0, 0.2, 1.0):
            if os.path.exists(self.device):
                time.sleep(pause)
                self.tool(self.job["destroy"])

    def _is_off(self) -> bool | None:
        """Whether vmm(4) has suspended CPUs of the guest; None where bhyvectl(8) does not
        tell. At a power-off all of them are, at an error of bhyve's none."""
        status, text = process.run([*self.job["destroy"][:-1], "--get-suspended-cpus"])
        label, colon, cpus = text.partition(":")
        if status or not colon or label.strip() != "suspended cpus":
            return None
        return bool(cpus.strip())

    # ---- the console ----

    def _printed(self, data: bytes) -> None:
        self.log.write(data)
        self.server.show(data)

    def _typed(self, data: bytes) -> None:
        """Give the guest what a viewer types; lost where nothing runs to read it."""
        if self.pid is not None:
            if "loader" in self.events.timers:
                self.events.after("loader", TYPING, self._loader_too_slow)
            self.console.type(data)

    def _said(self) -> str:
        """Return the end of what bhyve or the loader wrote to standard error in this run."""
        return plain(self.said.marked(SAID_BYTES))

    def _tail(self) -> str:
        """Return the last lines that bhyve or the loader said, or else the console's."""
        for text in (self._said(), plain(self.log.recent(TAIL_BYTES))):
            if lines := last_words(text):
                return "; ".join(lines)
        return "it said nothing"
