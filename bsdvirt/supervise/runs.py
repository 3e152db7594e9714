"""The runs of a bhyve guest, one after the other: loader, bhyve, what follows from each end.

nmdm(4) keeps a pair of terminals for as long as one end of it is open.
"""

from __future__ import annotations

import os
import time
from functools import partial

from bsdvirt.supervise import process
from bsdvirt.supervise.attend import Supervisor
from bsdvirt.supervise.bhyve import Bhyve
from bsdvirt.supervise.console import Console
from bsdvirt.supervise.ends import AGAIN, CRASH, FAILURE, OVER, judge, meaning, numbers
from bsdvirt.supervise.files import Failed, Json, here, read_json
from bsdvirt.supervise.log import Log, plain
from bsdvirt.supervise.policy import SETTLED, Restarts
from bsdvirt.supervise.server import VERSION, Reply, Server

TYPING = 600.0
"""Seconds for each key that is typed at the loader's prompt."""
QUICK = 10
"""Resets within moments after which a start has failed, where restarts have no limit."""
REASON = 600
"""Characters of the reason of a failure."""
TAIL_BYTES = 2048
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
        self.bhyve = Bhyve(job)
        self.console = Console(job["console"], self.events, self._printed)
        self.server = Server(SOCKET, self.events, self.log, self.request, self._typed)
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
        self.bhyve.note(text)

    def record(self, text: str) -> None:
        self.note(text)
        super().record(text)

    # ---- a run ----

    def launch(self, fresh: bool = False) -> None:
        """Run the loader, where there is one, and then bhyve. `fresh`: in a vmm device of its
        own; else in the one that the reset left, where the guest's firmware can."""
        self.events.cancel("again")
        self.loading = self.again = False
        if fresh or not self.job["keep_vmm"]:
            self.bhyve.destroy()
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
        self.job |= {key: job[key] for key in ("loader", "stop", "restart") if key in job}

    def _boot(self) -> None:
        """Run bhyve itself."""
        self.loading = False
        self.state["runs"] += 1
        first = self.state["runs"] == 1
        argv = (self.job.get("once") if first else None) or self.job["bhyve"]
        more = [] if first else self.job.get("again", [])
        self._spawn([*self.job["prefix"], *argv[:-1], *more, argv[-1]])
        self.events.after("settled", SETTLED, self._settle)

    def _spawn(self, argv: list[str]) -> None:
        def known() -> None:
            pid = self.bhyve.pid or 0
            self.runs_as(pid)
            self.launched = time.monotonic()
            start = process.identity(pid)[0]
            self.show(self.starting, pid=pid, start=start, loader=self.loading)

        self.bhyve.spawn(argv, known)
        self.console.open_soon()

    def runs_as(self, pid: int) -> bool:
        """Watch that process; whether there is one."""
        self.pid = self.bhyve.pid = pid
        self.events.watch_file(self.bhyve.said.fd, self.bhyve.said.trim)
        return self.events.watch(pid, partial(self._ended, pid))

    def _ended(self, pid: int, seen: int | None) -> None:
        """The loader or bhyve has ended."""
        if pid != self.pid:
            return
        status = process.reap(pid, seen)
        self.console.end_run()
        self.pid = self.bhyve.pid = None
        self.events.cancel("loader", "settled", "press", "force", "kill")
        if self.loading:
            self._loaded(status)
            return
        uptime = self.lasted()
        gone = not self.bhyve.has_device
        off = self.bhyve.is_off() if status == 1 << 8 and not gone else None
        what, follows = judge(status, uptime, self.bhyve.said_now(), off=off, gone=gone)
        self.state["last"] = {"what": what, "at": int(time.time()), **numbers(status)}
        self.record(f"{uptime:.1f}s {what}")
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
            how = "unseen" if status is None else judge(status, SETTLED, "")[0]
            how = how.replace("bhyve", "bhyveload") if status else how
            raise Failed(f"the guest's loader failed ({how}): {self._tail()}")

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
        """Run it again; later and later where it resets within moments, again and again."""
        if uptime >= SETTLED:
            self.resets = Restarts()
            self.launch()
            return
        policy = self.job["restart"]
        pause, times = self.resets.pause(policy, 0.0), self.resets.quick
        if self.ready is not None and not self.settled and times > (policy["most"] or QUICK):
            self.fail(f"it resets within moments, {times} times now: {self._tail()}")
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
        if self.console.fd is None:
            self.events.after("settled", SETTLED, self._settle)
            return
        self.settled = True
        self.show("stopping" if self.stopping else "running", since=int(time.time() - SETTLED))
        if not self.stopping:
            self.tell_ready("ok")

    def _loader_too_slow(self) -> None:
        seconds = self.job["loader"]["timeout"]
        raise Failed(
            f"the guest's loader did not load a kernel within {seconds} s "
            f"(is there a bootable FreeBSD on its disk?): {self._tail()}"
        )

    def fail(self, reason: str) -> None:
        """End the guest, for a reason that must be known."""
        self.failure = " ".join(reason.split())[:REASON]
        self.record(f"failed: {self.failure}")
        self.leave()
        self.bhyve.end()

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

    def _tail(self) -> str:
        """Return the last lines that bhyve or the loader said, or else the console's."""
        for text in (self.bhyve.said_now(), plain(self.log.recent(TAIL_BYTES))):
            lines = [entry.strip() for entry in text.splitlines() if entry.strip()]
            if lines:
                return "; ".join(lines[-3:])
        return "it said nothing"
