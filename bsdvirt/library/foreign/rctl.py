"""Rules of rctl(8) as other tools keep them: limits of ours. Pure."""

from __future__ import annotations

import re
from typing import Any

from bsdvirt.library.foreign.found import Draft
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.fields import fields_of
from bsdvirt.spec.limits import DENY, MOST_RULES, RESOURCES, JailLimits, LimitRule, Limits

_RULE = re.compile(r"jail:[^:]+:([a-z]+):([a-z0-9]+)=([^/\s]+)(?:/(\S+))?", re.ASCII)
THROTTLED = frozenset(name for name, resource in RESOURCES.items() if resource.throttle)


def take_rules(draft: Draft, text: str, limits: type[Limits] = JailLimits) -> None:
    """Take the rules of a file, one a line: jail:NAME:RESOURCE:ACTION=AMOUNT."""
    for line in text.splitlines()[:200]:
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        match = _RULE.fullmatch(rule)
        if match is None:
            draft.drop("rctl", rule)
        else:
            take(draft, match[1], match[2], match[3], limits, match[4] or "")


def take(
    draft: Draft,
    resource: str,
    action: str,
    amount: str,
    limits: type[Limits] = JailLimits,
    per: str = "",
) -> None:
    """Take one limit: as a property if its action is deny, or throttle for input and output; else
    as a rule."""
    usual = "throttle" if resource in THROTTLED else "deny"
    own = fields_of(limits).get(resource) if resource in RESOURCES else None
    taken: dict[str, Any] = draft.settings.setdefault("limits", {})
    if own is None or action != usual or per not in ("", limits.subject) or resource in taken:
        _take_rule(draft, f"{resource}:{action}={amount}", per if per != limits.subject else "")
    else:
        _take_property(draft, resource, amount)
    if not taken:
        del draft.settings["limits"]


def _take_rule(draft: Draft, text: str, per: str) -> None:
    try:
        rule = LimitRule.parse(f"{text}/{per}" if per else text)
    except BadValueError as error:
        draft.drop("rctl", text, str(error))
        return
    taken = draft.settings["limits"]
    rules = [LimitRule(one) for one in taken.get("rules", [])]
    denied = rule.action == DENY and not per and rule.resource in taken
    if denied or any(_are_one(rule, other) for other in rules) or len(rules) >= MOST_RULES:
        draft.drop("rctl", text, "there is another limit of it")
    else:
        taken["rules"] = [*map(str, rules), str(rule)]


def _are_one(one: LimitRule, other: LimitRule) -> bool:
    """Return whether the kernel would keep one of two rules only."""
    kind = (one.resource, one.action, one.per) == (other.resource, other.action, other.per)
    return kind and (one.action == DENY or one.amount == other.amount)


def _take_property(draft: Draft, resource: str, amount: str) -> None:
    number = re.fullmatch(r"(\d{1,18})([kmgtp]?)b?", amount.lower(), re.ASCII)
    if number is None:
        draft.drop(f"limit {resource}", amount)
        return
    counted = RESOURCES[resource].unit not in ("bytes", "bytes/s")
    value: int | str = int(number[1]) if counted else f"{number[1]}{number[2].upper()}"
    if int(number[1]):
        draft.settings["limits"][resource] = value
