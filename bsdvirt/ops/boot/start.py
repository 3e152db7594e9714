"""Start guests at boot: networks first, then each guest as soon as those that it waits for are
ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, as_told
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.order import Entry, Order, boots_of, start_order, troubles
from bsdvirt.host import tools
from bsdvirt.kinds import KINDS
from bsdvirt.ops.boot.flow import Flow, Job, Outcomes
from bsdvirt.ops.boot.log import note
from bsdvirt.ops.boot.ready import wait_ready
from bsdvirt.ops.boot.running import under_way
from bsdvirt.ops.network.pf import LoadRules
from bsdvirt.ops.power.start import Starting, starting
from bsdvirt.plan import events
from bsdvirt.plan.step import Command, Plan, Step
from bsdvirt.session.batch import Outcome
from bsdvirt.session.locking import recover_all
from bsdvirt.session.prepared import Part, Prepared, carry_out, plan_each, run_part
from bsdvirt.session.session import Session

VERB = "boot"


def order_now(session: Session, names: Iterable[str] = ()) -> tuple[Inventory, Order]:
    """The guests and their order. Raises NotFoundError for a name that does not exist."""
    found = session.inventory()
    named = [found.guest(name).name for name in names]
    return found, start_order(boots_of(found), named)


def start(session: Session, names: Sequence[str] = ()) -> list[Outcome]:
    """Start the guests that start at boot, or the named ones, with the guests that they wait for.
    Return the outcomes in the order in which they ended."""
    with under_way(session):
        return _start(session, names)


def _start(session: Session, names: Sequence[str]) -> list[Outcome]:
    began = time.monotonic()
    _mend(session)
    found, order = order_now(session, names)
    for one in found.absent:
        session.sink(events.Warned("", VERB, one.name, f"{one.message}; {one.hint}"))
    for line in troubles(order):
        session.sink(events.Warned("", VERB, "order", line))
    outcomes = [_in_circle(order, name) for name in order.stuck]
    # bsdvirt_network ran before pf(4) was there.
    carry_out(session, LoadRules())
    if order.entries:
        load_modules(session, {found.guests[e.name].identity.kind for e in order.entries})
        entries = {entry.name: entry for entry in order.entries}
        with starting(session, list(entries), "boot start") as ready:
            outcomes += _flow(session, ready, entries, began)
    return outcomes


def _mend(session: Session) -> None:
    """Undo or finish what was cut short. A failure is a warning, and stops nothing else."""
    errors: list[BsdvirtError] = []
    for line in recover_all(session, errors):
        session.sink(events.Told("", VERB, "mend", line))
    for error in errors:
        session.sink(events.Warned("", VERB, "mend", str(error)))
        note(session, "boot-mend", "host", 0.0, error.message, bad=True)


def _in_circle(order: Order, name: str) -> Outcome:
    shown = " after ".join(order.circles[0]) if order.circles else name
    error = ConflictError(
        f"{name}: boot.after goes in a circle: {shown}", f"bsdvirt set {name} boot.after=…"
    )
    return Outcome(name, error=error)


def load_modules(session: Session, kinds: Iterable[str]) -> None:
    """Load the missing kernel modules of these kinds of guests: later, securelevel(7) may forbid
    it."""
    lacking = [
        name
        for name in dict.fromkeys(name for kind in sorted(kinds) for name in KINDS[kind].modules)
        if session.host.run((tools.KLDSTAT, "-q", "-m", name), changes=False).status
    ]
    if lacking:
        step = Step(
            Command((tools.KLDLOAD, "-n", *lacking)), "the kernel modules that the guests need"
        )
        # They may be compiled in under another name: the start itself will tell.
        plan = Plan(VERB, "modules", "host", (step,))
        run_part(session, Part(plan, journalled=False, optional=True))


def _flow(
    session: Session, ready: Starting, entries: Mapping[str, Entry], began: float
) -> list[Outcome]:
    def report(outcome: Outcome, seconds: float, words: str = "") -> Outcome:
        bad = not outcome.ok
        text = words or outcome.message
        if outcome.error:
            text = "failed: " + outcome.error.message.removeprefix(f"{outcome.name}: ")
        note(session, "boot-start", outcome.name, seconds, text, bad=bad)
        return outcome

    failed = {
        task.name: report(Outcome(task.name, error=task.error), time.monotonic() - began)
        for task in ready.refused
    }
    prepared = Prepared(session, [], ready.networks)
    if session.preview:
        return [*failed.values(), *_shown(session, ready, entries)]
    down = prepared.run_first()

    def work(name: str, let_go: Callable[[], None]) -> Outcome:
        since = time.monotonic()
        try:
            outcome = prepared.run_task(ready.plan(name), down)
            if outcome.error is not None:
                raise outcome.error
            up = time.monotonic() - since
            # Who only waits leaves the place to another.
            let_go()
            boot = entries[name].boot
            if boot.ready and not wait_ready(session, ready.parts[name][0]):
                late = f"not ready within {boot.ready_timeout} s ({boot.ready})"
                raise HostError(f"{name}: {outcome.message}, but {late}", f"bsdvirt logs {name}")
        except Exception as error:
            return report(Outcome(name, error=as_told(error)), time.monotonic() - since)
        words = outcome.message
        if boot.ready:
            words += f"; up in {up:.1f}s, then ready"
        return report(outcome, time.monotonic() - since, words)

    def refuse(job: Job, ended: Outcomes) -> Outcome | None:
        if job.name in failed:
            return failed[job.name]
        for other in entries[job.name].after:
            outcome = ended.get(other)
            if outcome is None or outcome.ok or entries[other].boot.ready_policy == "continue":
                continue
            error = HostError(
                f"{job.name}: not started, because {other} failed",
                f"correct {other}, or set its boot.ready_policy=continue",
            )
            return report(Outcome(job.name, error=error), time.monotonic() - began)
        return None

    jobs = [Job(e.name, e.after, float(e.boot.delay)) for e in entries.values()]
    flow = Flow(jobs, work, session.parallel, session.interrupt.check, refuse)
    return list(flow.run().values())


def _shown(session: Session, ready: Starting, names: Iterable[str]) -> list[Outcome]:
    """Show the starts one after the other; nothing is waited for."""
    tasks = plan_each((name for name in names if name in ready.parts), ready.plan)
    shown = Prepared(session, tasks, ready.networks)
    for plan in shown.plans:
        if session.preview:
            session.planned(plan)
    return shown.outcomes
