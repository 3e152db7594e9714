"""The supervisor of one bhyve guest, from its start to its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time

from bsdvirt.supervise import process
from bsdvirt.supervise.files import (
    Failed,
    Json,
    read_json,
    remove,
    try_lock,
    write_failure,
    write_file,
)
from bsdvirt.supervise.runs import JOB, LOOKING, RUN_LOCK, SOCKET, STATE, Runs
from bsdvirt.supervise.server import Reply

PRESS = 10.0
"""Seconds between two presses of the power button: some guests miss the first."""
KILL = 5.0
"""Seconds between the forced power-off and SIGKILL."""
LONGEST = 86400
"""Seconds that a stop may be given."""
STOPPED = "stopped while starting"
ALIVE = ("starting", "running", "paused", "stopping", "restarting")


class Refused(Exception):  # noqa: N818
    """A process of the guest is not to be touched: nothing is cleaned up."""


class Vm(Runs):
    """Attends one guest. `lock` is the supervisor's."""

    def __init__(self, lock: int, ready: int | None = None) -> None:
        super().__init__(ready)
        self.lock = lock
        self.mine = False

    def run(self, adopt: bool = False) -> bool:
        """Attend the guest until it has ended; whether it ended as it should. `adopt`: only
        what an earlier supervisor left, which is about to be stopped."""
        # A second signal asks to stop the guest by force.
        self.listen_to(
            lambda _: self.stop(None, force=self.stopping),
            signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
        )  # fmt: skip
        if self.ready is not None:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self._begin(adopt)
            self.attend()
        except (Failed, OSError) as error:
            self.fail(str(error))
        self._finish()
        return not self.failure

    def _begin(self, adopt: bool) -> None:
        """Find the guest where an earlier supervisor left it, or start it."""
        old = read_json(STATE)
        ours = old.get("state") in ALIVE
        pid = old.get("pid") if ours else None
        if os.path.exists(self.device) and not ours:
            raise Failed(f"there is a /dev/vmm/{self.name} already, which is not ours")
        lives = bool(pid) and self._is_guest(pid or 0, old.get("start", ""))
        if not lives:
            self._need_run_lock()
        self.mine = True
        if lives and pid and self.runs_as(pid):
            self.stopping = adopt and bool(old.get("loader"))
            self._adopt(old, pid)
        elif adopt:
            self.leave()
        else:
            if ours:
                self.note("what an earlier supervisor left behind is cleared away")
            remove(self.job["failed"])
            self.launch(fresh=True)

    def _need_run_lock(self) -> None:
        """Raises Refused where a process of the guest runs that state.json does not name, as
        after a full disk: its device must not be destroyed beneath it."""
        lock = try_lock(RUN_LOCK, LOOKING)
        if lock is None:
            remove(SOCKET)
            raise Refused(
                f"run.lock is held by a process that {STATE} does not name: end the process"
                f" `bhyve: {self.name}` first (ps -axo pid,command)"
            )
        os.close(lock)

    def _is_guest(self, pid: int, start: str) -> bool:
        """Whether that process is the one that state.json names: by its start, or by the
        title that bhyve gives itself."""
        seen, title = process.identity(pid)
        known = title.split(" (")[0] == f"bhyve: {self.name}"
        return bool(seen) and (known or process.same_start(seen, start))

    def _adopt(self, old: Json, pid: int) -> None:
        """Attend a process that an earlier supervisor left."""
        self.state |= {key: old[key] for key in ("runs", "last", "start", "since") if key in old}
        if old.get("loader"):
            # How far it has come is not known: it begins again.
            self.note("the loader that was left behind is ended")
            self.loading = self.again = True
            self.show("starting", pid=pid, loader=True)
            self._kill()
            return
        self.tpm.adopt()
        self.launched = time.monotonic() - process.age(self.state["start"])
        self.settled = True
        self.said.set_mark()
        self.console.try_open()
        self.show("paused" if old["state"] == "paused" else "running", pid=pid, loader=False)
        self.note(f"took over the guest that runs as pid {pid}")
        self.tell_ready("ok")

    def _finish(self) -> None:
        """Leave nothing behind: neither vmm's device, nor taps, nor files."""
        if self.mine:
            self.tpm.end()
            self.destroy()
        self._clean_up()
        if self.failure:
            write_failure(self.job["failed"], self.failure)
        state = "failed" if self.failure else "stopped"
        self.show(state, pid=None, start="", supervisor=None, loader=False)
        if not self.failure:
            self._remember()
            for name in (STATE, JOB, "bhyve.conf", "first.conf", "first-vars.fd", "vnc.sock"):
                remove(name)
        self.console.close()
        self.server.stop_listening()
        self.server.tell_stops(end="stopped by force" if self.forced else "stopped")
        # Who hears of the end may start the guest again at once.
        os.close(self.lock)
        # "ok" may have been sent long ago; if not, the guest never came to run.
        self.tell_ready(f"failed: {self.failure or self._why_not_started()}")
        self.server.part_all()

    def _clean_up(self) -> None:
        """Destroy the taps, and unload the rules of what the guest exposes."""
        for argv in self.job["cleanup"]:
            self.tool(argv)
        rules = self.job.get("rules")
        if rules and os.path.exists(rules["file"]):
            for argv in (rules.get("filter"), rules["argv"]):
                if argv:
                    self.tool(argv)
            remove(rules["file"])

    def _remember(self) -> None:
        """Keep how an end in order came about, beside the logs."""
        last = self.state["last"] or {"what": "", "at": int(time.time())}
        if self.stopping:
            asked = "stopped by force" if self.forced else "stopped"
            last = last | {"what": f"{asked} ({last['what']})" if last["what"] else asked}
        with contextlib.suppress(OSError):
            write_file(f"{self.job['logs']}/last.json", json.dumps(last) + "\n")

    def _why_not_started(self) -> str:
        """Return why a guest that has not failed did not come to run."""
        if self.stopping:
            return STOPPED
        return f"it ended at once ({(self.state['last'] or {}).get('what', 'stopped')})"

    def stop(self, timeout: float | None, force: bool) -> None:
        """Ask the guest to power off, and see to it that it does."""
        self.look_again()
        policy = self.job["stop"]
        patience = policy["timeout"] if timeout is None else timeout
        if not self.stopping:
            self.stopping = True
            self.note("is asked to stop")
            self.show("stopping")
        if self.pid is None:
            self.leave()
        elif self.loading:
            self._kill()
        elif force or patience <= 0:
            self._force()
        else:
            before = self.events.timers.get("force") if policy["force"] else None
            self._press()
            self.events.after("force", patience, self._insist)
            if before and before[0] < self.events.timers["force"][0]:
                self.events.timers["force"] = before

    def _press(self) -> None:
        self._go_on()
        self._progress("the power button is pressed (ACPI)")
        self.signal(signal.SIGTERM)
        self.events.after("press", PRESS, self._press)

    def _insist(self) -> None:
        """The guest had its time."""
        if self.job["stop"]["force"]:
            self._force()
            return
        self.stopping = False
        self.events.cancel("press")
        self.show("running")
        error = f"{self.name} has not powered off in time, and is not to be forced"
        self.note(error)
        self.server.refuse_stops(error)

    def _force(self) -> None:
        self._go_on()
        self._progress("it is powered off by force")
        self.forced = True
        self.events.cancel("press")
        self.tool(self.job["poweroff"])
        self.events.after("kill", KILL, self._kill)

    def _kill(self) -> None:
        self._progress("it is killed")
        self.signal(signal.SIGKILL)

    def _go_on(self) -> None:
        """A process that is stopped acts on no signal."""
        self.signal(signal.SIGCONT)

    def _progress(self, text: str) -> None:
        self.note(text)
        if self.ready is None and not self.server.clients:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)
        self.server.tell_stops(progress=text)

    def request(self, request: Json) -> Reply:
        verb, timeout = request["do"], request.get("timeout")
        if verb == "status":
            return "", {"state": self.state}, None
        if verb == "stop" and not _is_patience(timeout):
            return "timeout is to be a number of seconds", {}, None
        if verb == "stop":
            return "", {}, lambda: self.stop(timeout, bool(request.get("force")))
        if verb in ("reset", "pause", "resume", "nmi"):
            return self._control(verb), {}, None
        return f"this supervisor knows no such request: {verb}", {}, None

    def _control(self, verb: str) -> str:
        """Reset, pause, resume or interrupt; what is wrong, where it cannot be done."""
        state = self.state["state"]
        if self.pid is None or self.loading or self.stopping:
            return f"{self.name} is {state}, and does not run"
        if verb == "pause":
            self.signal(signal.SIGSTOP)
            self.show("paused")
        elif verb == "resume":
            self._go_on()
            self.show("running")
        elif state == "paused":
            return f"{self.name} is paused: resume it first"
        elif verb == "nmi":
            if self.tool(self.job["nmi"]):
                return "bhyvectl could not inject an NMI; see supervisor.log"
        elif self.tool(self.job["force_reset"]):
            return "bhyvectl could not reset it; see supervisor.log"
        else:
            self.again = True
        return ""


def _is_patience(value: object) -> bool:
    """Whether it is a number of seconds, or none is given."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= float(str(value)) <= LONGEST)
