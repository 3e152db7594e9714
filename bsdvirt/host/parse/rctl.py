"""rctl(8): the rules as `rctl` prints them, and usage (captures/04-jail)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `amount` in bytes or units."""

    subject: str
    """Such as jail:web."""
    resource: str
    action: str
    amount: int

    @property
    def kind(self) -> str:
        """Such as maxproc:deny."""
        return f"{self.resource}:{self.action}"


def parse_rules(text: str) -> list[Rule]:
    rules = []
    for line in text.splitlines():
        kind, subject, resource, rest = line.split(":", 3)
        action, amount = rest.split("=", 1)
        rules.append(Rule(f"{kind}:{subject}", resource, action, int(amount.split("/")[0])))
    return rules


def parse_usage(text: str) -> dict[str, int]:
    """`rctl -u SUBJECT`. A jail that is not there shows zeros, and exit status 0 (captures/04)."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name: int(value) for name, value in pairs}
