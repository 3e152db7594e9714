"""The rows of `limits`: the rules of rctl(8) that are in force for guests, and what is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bsdvirt.cpu.limits import is_reported, watched
from bsdvirt.errors import HostError
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.rctl import (
    Rule,
    jail_subject,
    parse_rules,
    process_subject,
    read_usage_of,
)
from bsdvirt.facts.reached import Hit
from bsdvirt.guest.usage import Running, running_guests
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.ops.show.reached import hits_of_the_day, moment_of
from bsdvirt.rows.base import PERCENT
from bsdvirt.rows.usage import LimitRow
from bsdvirt.session.session import Session
from bsdvirt.spec.limits import DEVCTL, RESOURCES


def limits(session: Session, names: Collection[str] | None = None) -> list[LimitRow]:
    """Return the limits that are in force for running guests, or for those of these; the nearest
    to its limit first. Raises HostError without resource accounting."""
    host = session.host
    rules = _rules(host)
    found = session.inventory(shallow=True)
    guests = {name: guest for name, guest in found.guests.items() if names is None or name in names}
    running = running_guests(host.fs, guests, read_jails(host))
    own: dict[str, list[Rule]] = {}
    for rule in rules:
        own.setdefault(rule.subject, []).append(rule)
    limited = {n: _subject(n, one) for n, one in running.items() if _subject(n, one) in own}
    used = read_usage_of(host, list(limited.values()))
    rows = [
        row
        for name, subject in limited.items()
        for row in _of(host, name, running[name], own[subject], used.get(subject, {}))
    ]
    return sorted(rows, key=lambda row: (-(row.percent or 0), row.name, row.resource, row.action))


def _rules(host: Host) -> list[Rule]:
    shown = host.run((tools.RCTL,), changes=False)
    if shown.status != 0:
        if "disabled" in shown.stderr or "not present" in shown.stderr:
            raise HostError(
                "limits need resource accounting, which is off",
                "put kern.racct.enable=1 in /boot/loader.conf and reboot",
            )
        shown.check(hint="run it as root")
    return parse_rules(shown.stdout)


def _subject(name: str, one: Running) -> str:
    return jail_subject(name) if one.pid is None else process_subject(one.pid)


def _of(
    host: Host, name: str, one: Running, rules: Sequence[Rule], used: Mapping[str, int]
) -> list[LimitRow]:
    hits = hits_of_the_day(host, name)
    return [_row(name, one, rule, used, hits) for rule in _shown(rules)]


def _shown(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules without those that report when another one is reached."""
    reports = {
        (rule.resource, watched(rule.resource, rule.amount), rule.per)
        for rule in rules
        if rule.resource in RESOURCES and is_reported(rule.resource, rule.action)
    }
    return [
        rule
        for rule in rules
        if rule.action != DEVCTL or (rule.resource, rule.amount, rule.per) not in reports
    ]


def _row(
    name: str, one: Running, rule: Rule, used: Mapping[str, int], hits: Sequence[Hit]
) -> LimitRow:
    # What each process uses, or each user, rctl(8) does not print.
    now = None if rule.per else used.get(rule.resource)
    mine = _reports(rule, hits)
    return LimitRow(
        name=name,
        kind=one.guest.identity.kind,
        resource=rule.resource,
        action=rule.action,
        per=rule.per or None,
        limit=rule.amount,
        used=now,
        percent=None if now is None or not rule.amount else round(100 * now / rule.amount, 1),
        unit=_unit(rule.resource),
        hits=None if mine is None else len(mine),
        last_hit=moment_of(mine[-1].time) if mine else None,
    )


def _reports(rule: Rule, hits: Sequence[Hit]) -> list[Hit] | None:
    """Return the reports of a rule; None where the kernel makes none."""
    if rule.action == DEVCTL:
        amount = rule.amount
    elif rule.resource in RESOURCES and is_reported(rule.resource, rule.action):
        amount = watched(rule.resource, rule.amount)
    else:
        return None
    mine = (rule.resource, amount, rule.per)
    return [hit for hit in hits if (hit.resource, hit.amount, hit.per) == mine]


def _unit(resource: str) -> str:
    unit = RESOURCES[resource].unit if resource in RESOURCES else ""
    return {"%": PERCENT, "1/s": ""}.get(unit, unit)
