"""What doctor says, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that doctor says."""

    subject: str
    message: str
    remedy: str
    problem: bool = True
    repair: str = ""
    """What --repair does of it; empty where a person must decide."""

    def plain(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "problem": self.problem,
            "message": self.message,
            "remedy": self.remedy,
            "repair": self.repair,
        }
