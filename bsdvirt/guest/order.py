"""The boot order: which guests start, which wait for which, and in which order they stop. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.rows.guest import BootPlan, MissingGuest, PlannedStart
from bsdvirt.spec.hostfile import reserve as reserve
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.paths import set_paths

Assignments = Sequence[tuple[str, str]]
IDENTITY_PREFIX = "boot."
"""Prefix of the properties that are kept in the identity, not in the file."""
Boots = Mapping[str, Boot]


class Entry(Struct, frozen=True):
    """A guest to start."""

    name: str
    boot: Boot
    after: tuple[str, ...]
    """The existing guests that it waits for."""
    why: str
    """Why it starts: boot.auto, its name on the command line, or a guest that waits for it."""
    depth: int
    """The length of the longest chain of guests before it."""


class Order(Struct, frozen=True):
    """Guests sorted so that each comes after the guests that it waits for."""

    entries: tuple[Entry, ...] = ()
    circles: tuple[tuple[str, ...], ...] = ()
    """Each a path from a guest back to itself."""
    stuck: tuple[str, ...] = ()
    """The guests that cannot start because of a circle: those in it and those that wait for
    them."""
    missing: tuple[tuple[str, str], ...] = ()
    """Pairs of a guest and a guest in its boot.after that does not exist."""


def boots_of(found: Inventory) -> dict[str, Boot]:
    """Return how each guest starts at boot. A template, or a guest that another host has now, does
    not, and is not waited for."""
    templates = {
        name for name, guest in found.guests.items() if guest.identity.template or guest.given
    }
    boots = {}
    for name, guest in found.guests.items():
        boot = guest.identity.boot
        if templates & {name, *boot.after}:
            after = [other for other in boot.after if other not in templates]
            boot = replace(boot, auto=boot.auto and name not in templates, after=after)
        boots[name] = boot
    return boots


def start_order(boots: Boots, named: Iterable[str] = ()) -> Order:
    """Return the order of the named guests, or of all that start at boot, with the guests that they
    wait for."""
    why = _wanted(boots, sorted(named))
    after = {name: _known(boots, name) for name in why}
    left = dict(after)
    depth: dict[str, int] = {}
    entries: list[Entry] = []
    while free := [name for name in left if all(other in depth for other in left[name])]:
        name = min(free, key=lambda one: (boots[one].order, one))
        depth[name] = 1 + max((depth[other] for other in left[name]), default=-1)
        del left[name]
        entries.append(Entry(name, boots[name], after[name], why[name], depth[name]))
    return Order(
        tuple(entries), _circles(left), tuple(sorted(left)),
        tuple((name, other) for name in why for other in boots[name].after if other not in boots),
    )  # fmt: skip


def _wanted(boots: Boots, named: list[str]) -> dict[str, str]:
    """Return the guests to start, each with the reason."""
    if named:
        why = dict.fromkeys(named, "named")
    else:
        why = {name: "boot.auto" for name in sorted(boots) if boots[name].auto}
    queue = list(why)
    for name in queue:
        for other in _known(boots, name):
            if other not in why:
                why[other] = f"{name} waits for it"
                queue.append(other)
    return why


def _known(boots: Boots, name: str) -> tuple[str, ...]:
    return tuple(sorted(str(other) for other in boots[name].after if other in boots))


def _circles(left: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the circles among guests that cannot be sorted, each once."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for name in sorted(left):
        trail = [name]
        while (step := next((o for o in left[trail[-1]] if o in left), None)) is not None:
            if step in trail:
                circle = trail[trail.index(step) :]
                first = circle.index(min(circle))
                turned = (*circle[first:], *circle[:first])
                found.setdefault(frozenset(circle), (*turned, turned[0]))
                break
            trail.append(step)
    return tuple(found.values())


def stop_waits(boots: Boots, running: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return, for each running guest, the running guests that stop before it: all that depend on
    it, directly or not. Guests in a circle do not wait for each other."""
    above = {name: _above(boots, name) for name in boots}
    names = [name for name in running if name in boots]
    return {
        name: frozenset(
            other
            for other in names
            if other != name and name in above[other] and other not in above[name]
        )
        for name in names
    }


def _above(boots: Boots, name: str) -> set[str]:
    """Return all guests that it waits for at boot, directly or not."""
    seen: set[str] = set()
    queue = [name]
    while queue:
        for other in _known(boots, queue.pop()):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return seen


def stages_behind(waits: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Return, for each guest, the length of the longest chain of stops that wait for its own."""
    # The waits are closed: who stops behind a guest by several steps also names it.
    later = {name: {o for o in waits if name in waits[o]} for name in waits}
    known: dict[str, int] = {}

    def count(name: str) -> int:
        if name not in known:
            known[name] = 1 + max((count(other) for other in later[name]), default=-1)
        return known[name]

    return {name: count(name) for name in waits}


def seconds_to_stop(own: float, left: float, behind: int) -> float:
    """Return how long a guest may take to stop, in seconds: its own timeout, but of the time left
    no more than leaves an eighth of it to each later stage."""
    if left <= 0:
        return 0.0
    share = max(left / (behind + 1), left * (1 - behind / 8))
    return min(own, share)


def reading_seconds(budget: float) -> float:
    """Return how long one command that only reads may take, in seconds: a pool that hangs must not
    use up the time for stopping guests."""
    return min(10.0, max(1.0, budget * 0.1))


def tree(order: Order) -> list[str]:
    """Return the order as a tree: each guest below the last guest that it waits for."""
    children: dict[str, list[Entry]] = {}
    depth = {entry.name: entry.depth for entry in order.entries}
    for entry in order.entries:
        last = max(entry.after, key=lambda name: (depth[name], name), default="")
        children.setdefault(last, []).append(entry)
    lines: list[str] = []

    def add(parent: str, indent: str) -> None:
        for entry in children.get(parent, ()):
            others = [name for name in entry.after if name != parent]
            lines.append(f"{indent}{entry.name}{_about(entry, others)}")
            add(entry.name, indent + "  ")

    add("", "")
    return lines


def _about(entry: Entry, others: list[str]) -> str:
    boot = entry.boot
    words = [f"order {boot.order}"]
    if others:
        words.append(f"also after {', '.join(others)}")
    if boot.delay:
        words.append(f"{boot.delay} s later")
    if boot.ready:
        words.append(f"ready: {boot.ready}, within {boot.ready_timeout} s or {boot.ready_policy}")
    if entry.why not in ("boot.auto", "named"):
        words.append(entry.why)
    return f"  ({'; '.join(words)})"


def troubles(order: Order) -> list[str]:
    """Return the problems of the order, as text."""
    lines = [
        f"boot.after goes in a circle: {' after '.join(circle)}: none of them starts"
        for circle in order.circles
    ]
    in_circles = {name for circle in order.circles for name in circle}
    lines += [
        f"{name} waits for a guest in a circle, and does not start"
        for name in order.stuck
        if name not in in_circles
    ]
    lines += [
        f"{name}: boot.after names {other}, which does not exist: not waited for"
        for name, other in order.missing
    ]
    return lines


def as_row(order: Order, networks: Iterable[str]) -> BootPlan:
    """Return the order as `boot plan` prints it."""
    return BootPlan(
        networks=sorted(networks),
        guests=[
            PlannedStart(
                name=entry.name,
                order=entry.boot.order,
                after=list(entry.after),
                delay=entry.boot.delay,
                ready=entry.boot.ready,
                ready_timeout=entry.boot.ready_timeout,
                ready_policy=entry.boot.ready_policy,
                why=entry.why,
                depth=entry.depth,
            )
            for entry in order.entries
        ],
        circles=[list(circle) for circle in order.circles],
        stuck=list(order.stuck),
        missing=[MissingGuest(guest=name, after=other) for name, other in order.missing],
    )


# ---- set and checked ----


def set_boot(boot: Boot, assignments: Assignments) -> Boot:
    """Apply the assignments of boot.* properties. Raises UsageError."""
    ours = [
        (path.removeprefix(IDENTITY_PREFIX), text)
        for path, text in assignments
        if path.startswith(IDENTITY_PREFIX)
    ]
    try:
        return set_paths(boot, ours)
    except UsageError as error:
        raise UsageError(f"{IDENTITY_PREFIX}{error.message}", error.hint) from None


def check_order(found: Inventory, name: str, boot: Boot, before: Boot | None = None) -> None:
    """Raise UsageError for a guest in boot.after that does not exist, ConflictError for a circle.
    What was the same `before` is not checked."""
    if before is not None and boot.after == before.after:
        return
    after = {guest: set(entry.identity.boot.after) for guest, entry in found.guests.items()}
    after[name] = set(boot.after)
    for wanted in boot.after:
        if wanted not in found.guests and (before is None or wanted not in before.after):
            left = ",".join(str(other) for other in boot.after if other in found.guests)
            hint = "bsdvirt ls lists the guests"
            if before is not None:
                hint += f"; bsdvirt set {name} boot.after={left}"
            raise UsageError(f"{name}: boot.after: no guest {wanted}", hint)
    _walk(after, [name], set())


def _walk(after: Mapping[str, Set[str]], trail: list[str], seen: set[str]) -> None:
    for earlier in sorted(after.get(trail[-1], ())):
        if earlier == trail[0]:
            circle = " after ".join([*trail, earlier])
            raise ConflictError(f"boot.after goes in a circle: {circle}", "omit one of them")
        if earlier not in seen:
            seen.add(earlier)
            _walk(after, [*trail, earlier], seen)
