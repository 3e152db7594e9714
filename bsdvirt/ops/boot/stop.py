"""Stop all running guests within a time budget: in order while there is time, then by force. No
guest can delay it, and at the end none of ours runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.bhyve.supervise import supervisor_argv
from bsdvirt.errors import BsdvirtError, ConflictError, StepError, as_told
from bsdvirt.facts.host import HostFacts, read_host
from bsdvirt.facts.jls import JailFact, read_jails
from bsdvirt.facts.vms import read_vms
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.order import reading_seconds, seconds_to_stop, stages_behind, stop_waits
from bsdvirt.host import tools
from bsdvirt.jail import command
from bsdvirt.layout import HOST_FILE, RUN_FILES, conf_file, job_file
from bsdvirt.ops.boot.deadline import within
from bsdvirt.ops.boot.flow import Flow, Job
from bsdvirt.ops.boot.log import note
from bsdvirt.ops.boot.running import end_others
from bsdvirt.ops.power.stop import end_waiting, stop_now, stop_seconds
from bsdvirt.plan import events
from bsdvirt.plan.locks import Lock
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session
from bsdvirt.spec.hostfile import HostFile, reserve
from bsdvirt.spec.types import DatasetName

VERB = "boot-stop"
WIDTH = 64
"""How many guests stop at once: most of a stop is waiting."""
LEAST_SECONDS = 0.2
"""With less than that, a guest is not asked any more."""
ROUNDS = 3
"""How often we look again for guests that came up meanwhile."""


class _Stop(Struct):
    """One stop of many guests."""

    session: Session
    budget: float
    began: float
    found: Inventory
    facts: HostFacts
    """As the host was once the locks in `held` were taken."""
    held: dict[str, Lock] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    """Who was forced, and why."""

    @property
    def forced_from(self) -> float:
        return self.began + self.budget - reserve(self.budget)

    @property
    def deadline(self) -> float:
        return self.began + self.budget

    def left(self) -> float:
        """Seconds for guests to stop in order."""
        if self.session.interrupt.hurried:
            return 0.0
        return self.forced_from - time.monotonic()

    def run(self, names: list[str]) -> dict[str, Outcome]:
        boots = {name: guest.identity.boot for name, guest in self.found.guests.items()}
        waits = stop_waits(boots, names)
        behind = stages_behind(waits)
        # What started late stops early.
        names = sorted(names, key=lambda name: (-boots[name].order, name))

        def work(name: str, let_go: Callable[[], None]) -> Outcome:
            return self.one(name, behind[name])

        jobs = [Job(name, waits[name]) for name in names]
        share = reserve(self.budget) / 3
        if self.session.preview:
            return {name: self.one(name, behind[name]) for name in _in_order(waits, names)}
        return Flow(
            jobs, work, WIDTH, unordered_at=self.forced_from, deadline=self.deadline - share
        ).run()

    def one(self, name: str, behind: int) -> Outcome:
        since = time.monotonic()
        guest = self.found.guest(name)
        own = stop_seconds(self.session, guest)
        lock, busy, facts, ended = self.held.pop(name, None), "", self.facts, False
        if lock is None and not self.session.preview:
            ended = self._end_waiting(name, seconds_to_stop(own, self.left(), behind))
            lock, busy = self._lock(name)
            # Who had it may have changed what we had read of it.
            facts = _facts(self.session)
        try:
            seconds = seconds_to_stop(own, self.left(), behind)
            force = bool(busy) or seconds < LEAST_SECONDS
            message = stop_now(
                self.session, self.found, facts, guest,
                force=force, timeout=max(seconds, LEAST_SECONDS), honor=False,
            )  # fmt: skip
        except Exception as error:
            # The guest is stopped by force at the end: see sweep.
            return Outcome(name, error=as_told(error))
        finally:
            if lock is not None:
                lock.release()
        if force:
            reason = busy or self._no_time()
        elif message == "stopped by force":
            took = time.monotonic() - since
            reason = (
                "a second signal" if self.session.interrupt.hurried
                else f"it did not stop within {seconds:.0f} s" if took >= seconds
                else "its own stop failed"
            )  # fmt: skip
        else:
            return self.report(name, since, "stopped" if ended else message)
        self.why[name] = reason
        return self.report(name, since, f"stopped by force: {reason}", bad=True)

    def report(self, name: str, since: float, message: str, *, bad: bool = False) -> Outcome:
        note(self.session, VERB, name, time.monotonic() - since, message, bad=bad)
        return Outcome(name, message)

    def _no_time(self) -> str:
        if self.session.interrupt.hurried:
            return "a second signal"
        return f"no time was left of {self.budget:.0f} s"

    def _end_waiting(self, name: str, seconds: float) -> bool:
        """End a start or stop of a virtual machine that another command waits for with the guest's
        lock held. Return whether there was one."""
        force = seconds < LEAST_SECONDS
        with contextlib.suppress(BsdvirtError):
            states = ("starting", "stopping")
            # The pool may be in trouble: the guests are not listed again.
            return end_waiting(
                self.session, name, states, force=force, timeout=seconds, found=self.found
            )
        return False

    def _lock(self, name: str) -> tuple[Lock | None, str]:
        """Return the guest's lock, or why the stop goes on without it. An interrupted operation is
        not recovered here: the guest is stopped, and the next command that needs it recovers
        it."""
        if self.session.preview:
            return None, ""
        lock = Lock(self.session.host.fs, "guest", name)
        while True:
            try:
                return lock.acquire("boot stop", wait=min(0.5, max(0.0, self.left()))), ""
            except ConflictError as error:
                if self.left() <= 0:
                    return None, error.message

    # ---- the end ----

    def sweep(self, names: Iterable[str] | None, outcomes: dict[str, Outcome]) -> None:
        """Remove at once what still runs of ours, until the budget is spent."""
        for _ in range(ROUNDS):
            alive = ours_running(self.session, names)
            if not alive or time.monotonic() >= self.deadline:
                break
            self._remove(alive)
        alive = ours_running(self.session, names)
        for name in sorted(set(alive) | set(self.why) | set(outcomes)):
            if name in alive:
                error = StepError(f"{name} still runs", f"bsdvirt stop --force {name}")
                outcomes[name] = Outcome(name, error=error)
                note(self.session, VERB, name, self.budget, "still runs", bad=True)
            elif name not in outcomes or not outcomes[name].ok:
                reason = self.why.get(name) or self._no_time()
                outcomes[name] = self.report(
                    name, self.began, f"stopped by force: {reason}", bad=True
                )

    def _remove(self, names: Iterable[str]) -> None:
        threads = []
        for name in names:
            self.why.setdefault(name, self._no_time())
            seconds = max(1.0, self.deadline - time.monotonic())
            threads.append(
                threading.Thread(target=_remove, args=(self.session, name, seconds), daemon=True)
            )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.05, self.deadline - time.monotonic()))


def _remove(session: Session, name: str, seconds: float) -> None:
    if name in running_vms(session):
        argv = supervisor_argv("stop", name, "--force")
        session.host.run(argv, changes=True, timeout=seconds)
        return
    if session.host.fs.exists(job_file(name)):
        session.host.run(command.supervisor_argv("stop", name), changes=True, timeout=seconds)
    session.host.run((tools.JAIL, "-R", name), changes=True, timeout=seconds)


def _in_order(waits: Mapping[str, frozenset[str]], names: list[str]) -> list[str]:
    order: list[str] = []
    left = list(names)
    while left:
        name = next(one for one in left if not waits[one] & set(left))
        left.remove(name)
        order.append(name)
    return order


def ours_running(session: Session, names: Iterable[str] | None = None) -> list[str]:
    """Return the jails whose root is in a guest's directory or that were started by a jail.conf of
    ours, and the virtual machines whose run.lock is held, whether listed by ZFS or not. One
    command, answered by the kernel alone."""
    wanted = None if names is None else set(names)
    alive = {
        name
        for name, jail in read_jails(session.host).items()
        if not jail.dying and _is_ours(session, jail)
    } | running_vms(session)
    return sorted(name for name in alive if wanted is None or name in wanted)


def running_vms(session: Session) -> set[str]:
    """By their locks: no command."""
    return {name for name, fact in read_vms(session.host.fs).items() if fact.runs}


def _is_ours(session: Session, jail: JailFact) -> bool:
    ours = (one.jail_root_directory(jail.name) for one in session.pools.layouts)
    if jail.path in ours:
        return True
    try:
        text = session.host.fs.read_or(conf_file(jail.name))
    except OSError:
        return False
    return f"\n  path = '{jail.path}';\n" in text


def _hostfile(session: Session, named: Sequence[str]) -> HostFile:
    """Return the host file; its defaults if it cannot be read at shutdown. Jails are then found by
    the jail.conf of their start, virtual machines by their locks."""
    try:
        return session.hostfile
    except BsdvirtError as error:
        if named or not session.host.fs.exists(HOST_FILE):
            raise
        session.sink(events.Warned("", "boot", "stop", f"{error.message}: all are forced"))
        session.__dict__["hostfile"] = HostFile(dataset=DatasetName("bsdvirt"))
        return session.hostfile


def _facts(session: Session) -> HostFacts:
    """What the host shows. Where it does not answer, what the kernel says of its jails."""
    try:
        return read_host(session.host, *RUN_FILES)
    except Exception as error:
        text = f"{as_told(error).message}: continuing without it"
        session.sink(events.Warned("", "boot", "stop", text))
        return HostFacts(jails=read_jails(session.host))


def stop(session: Session, names: Iterable[str] = (), *, budget: float = 0.0) -> list[Outcome]:
    """Stop the running guests, or the named ones, within `budget` seconds (0: the host file's)."""
    began = time.monotonic()
    named = sorted(names)
    conf = _hostfile(session, named)
    budget = budget or float(conf.boot.budget)
    session.interrupt.patience = reading_seconds(budget)
    if not named and not session.preview:
        for pid in end_others(session, reserve(budget)):
            text = f"a start, process {pid}, does not end: its guests are forced"
            session.sink(events.Warned("", "boot", "stop", text))
    alive = ours_running(session, named or None)
    # The facts are read under these locks; those of busy guests are read again later.
    held = _locks_now(session, alive)
    try:
        return _stop_all(session, named, alive, held, began, budget)
    finally:
        for lock in held.values():
            lock.release()


def _locks_now(session: Session, names: Iterable[str]) -> dict[str, Lock]:
    """The locks of those that are not busy."""
    held: dict[str, Lock] = {}
    for name in () if session.preview else sorted(names):
        with contextlib.suppress(BsdvirtError):
            held[name] = Lock(session.host.fs, "guest", name).acquire("boot stop")
    return held


def _stop_all(
    session: Session,
    named: list[str],
    alive: list[str],
    held: dict[str, Lock],
    began: float,
    budget: float,
) -> list[Outcome]:
    try:
        found = within(reading_seconds(budget), session.inventory)
    except Exception as error:
        if named:
            raise
        # The pool may be in trouble: what runs can be stopped all the same.
        text = f"{as_told(error).message}: all are forced"
        session.sink(events.Warned("", "boot", "stop", text))
        found = Inventory(session.layout, {}, (), ())
    for name in named:
        found.guest(name)
    idle = [Outcome(name, "not running") for name in named if name not in alive]
    if not alive:
        return idle
    facts = _facts(session)
    running = [name for name in named or found.guests if name in found.guests and name in alive]
    work = _Stop(session, budget, began, found, facts, held)
    try:
        outcomes = dict(work.run(running))
    except Exception as error:
        text = f"{as_told(error).message}: all are forced"
        session.sink(events.Warned("", "boot", "stop", text))
        outcomes = {}
    if not session.preview:
        work.sweep(named or None, outcomes)
    return idle + list(outcomes.values())
