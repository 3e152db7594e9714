"""Rules of rctl(8) as other tools keep them: limits of ours. Pure."""

from __future__ import annotations

import re

from bsdvirt.library.foreign.found import Draft
from bsdvirt.spec.fields import fields_of
from bsdvirt.spec.limits import JailLimits, Limits

_RULE = re.compile(r"jail:[^:]+:([a-z]+):([a-z0-9]+)=([^/\s]+)(/\S+)?", re.ASCII)
THROTTLED = frozenset({"readbps", "writebps", "readiops", "writeiops"})


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
            take(draft, match[1], match[2], match[3], limits)


def take(
    draft: Draft, resource: str, action: str, amount: str, limits: type[Limits] = JailLimits
) -> None:
    """Take one limit: its action is deny, or throttle for input and output."""
    usual = "throttle" if resource in THROTTLED else "deny"
    field = fields_of(limits).get(resource)
    if field is None or action != usual:
        draft.drop(f"limit {resource}", f"{action}={amount}", "not a limit of bsdvirt's")
        return
    number = re.fullmatch(r"(\d{1,18})([kmgtp]?)b?", amount.lower(), re.ASCII)
    if number is None:
        draft.drop(f"limit {resource}", amount)
        return
    counted = resource in ("maxproc", "nthr", "openfiles", "pseudoterminals", "pcpu", "readiops",
                           "writeiops")  # fmt: skip
    value: int | str = int(number[1]) if counted else f"{number[1]}{number[2].upper()}"
    if int(number[1]):
        draft.settings.setdefault("limits", {})[resource] = value
