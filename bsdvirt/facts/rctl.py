"""Parse the rules and the usage of rctl(8) (captures/04-jail)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host

ALL = (tools.RCTL,)
_RULE = re.compile(
    r"(?P<who>[a-z]+:[^:\n]*):(?P<what>[a-z]+):(?P<action>[a-z0-9]+)=(?P<amount>\d+)(?:/(?P<per>[a-z]+))?",
    re.ASCII,
)


FIRST = "cputime"
"""The resource that rctl(8) shows first of each subject."""
COUNTED = (FIRST, "memoryuse", "maxproc", "openfiles", "vmemoryuse", "swapuse", "nthr")
_COUNTED = re.compile(rf"^({'|'.join(COUNTED)})=(\d{{1,19}})$", re.ASCII | re.MULTILINE)


def jail_subject(name: str) -> str:
    """Return a jail as rctl(8) names it."""
    return f"jail:{name}"


def process_subject(pid: int | str) -> str:
    """Return a process as rctl(8) names it."""
    return f"process:{pid}"


def words_of(resource: str, action: str, amount: int, per: str) -> str:
    """Return a rule without its subject, such as maxproc:deny=50."""
    return f"{resource}:{action}={amount}{f'/{per}' if per else ''}"


class Rule(Struct, frozen=True):
    """One rule; `amount` in bytes or units."""

    subject: str
    """Such as jail:web."""
    resource: str
    action: str
    amount: int
    per: str = ""
    """What the amount is accounted for; empty if that is the subject."""

    @property
    def kind(self) -> str:
        """Such as maxproc:deny."""
        return f"{self.resource}:{self.action}"

    @property
    def words(self) -> str:
        """The rule without its subject, such as maxproc:deny=50."""
        return words_of(self.resource, self.action, self.amount, self.per)

    @property
    def group(self) -> tuple[str, str, str]:
        """What the kernel tells two rules of one subject apart by, besides their amounts."""
        return self.resource, self.action, self.per


def parse_rules(text: str) -> list[Rule]:
    """Return the rules; other lines are skipped."""
    matches = (_RULE.fullmatch(line) for line in text.split("\n"))
    return [
        Rule(m["who"], m["what"], m["action"], int(m["amount"]), _per(m["who"], m["per"]))
        for m in matches
        if m
    ]


def _per(who: str, per: str | None) -> str:
    return per if per and not who.startswith(f"{per}:") else ""


def parse_usage(text: str) -> dict[str, int]:
    """Parse `rctl -u SUBJECT`. For a jail that does not exist it prints zeros, with exit status 0
    (captures/04)."""
    pairs = (line.partition("=") for line in text.split("\n"))
    return {name: int(value) for name, _, value in pairs if value.isascii() and value.isdigit()}


def read_usages(host: Host, jails: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the usage of jails by name, by one rctl(8); none without resource accounting, or for
    a user who may not see it."""
    if not jails:
        return {}
    subjects = [jail_subject(name) for name in jails]
    shown = host.run((tools.RCTL, "-u", *subjects), changes=False)
    groups = parse_usages(shown.stdout)
    # It answers in order, with zeros for a jail that does not exist. Where one answer is missing,
    # nothing says which.
    return dict(zip(jails, groups, strict=True)) if len(groups) == len(jails) else {}


def read_usage_of(host: Host, subjects: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return all that subjects use, by one rctl(8); one for each where a process has just ended."""
    if not subjects:
        return {}
    shown = host.run((tools.RCTL, "-u", *subjects), changes=False)
    groups = [f"{FIRST}={group}" for group in shown.stdout.split(f"{FIRST}=")[1:]]
    if len(groups) != len(subjects):
        groups = [host.run((tools.RCTL, "-u", one), changes=False).stdout for one in subjects]
    return {one: parse_usage(group) for one, group in zip(subjects, groups, strict=True)}


def parse_usages(text: str) -> list[dict[str, int]]:
    """Return the resources in COUNTED of each subject of `rctl -u SUBJECT …`, in order."""
    groups: list[dict[str, int]] = []
    for name, value in _COUNTED.findall(text):
        if name == FIRST:
            groups.append({})
        if groups:
            groups[-1][name] = int(value)
    return groups


def read_rules(host: Host) -> list[Rule]:
    """Return the rules of rctl(8); none without resource accounting, where rctl fails."""
    result = host.run(ALL, changes=False)
    return parse_rules(result.stdout) if result.status == 0 else []
