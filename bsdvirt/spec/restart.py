"""When a guest that has ended is run again, and how soon: the same for both kinds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from bsdvirt.spec.base import Live, Spec, prop


class Restart(Spec, frozen=True, kw_only=True):
    """How soon, and how often, a guest is run again that was not asked to end."""

    backoff: Annotated[
        int,
        prop(
            "Wait before it is run again: doubled each time up to `longest`, until a run lasts"
            " longer than that.",
            unit="s",
            ge=1,
            le=60,
            live=Live.NOW,
        ),
    ] = 1
    longest: Annotated[
        int, prop("Longest wait before it is run again.", unit="s", ge=1, le=3600, live=Live.NOW)
    ] = 60
    most: Annotated[
        int,
        prop(
            "Run it again so many times within `window`; the next end is a failure. 0 sets no"
            " limit.",
            ge=0,
            le=10000,
            live=Live.NOW,
        ),
    ] = 5
    window: Annotated[
        int, prop("The time in which `most` counts.", unit="s", ge=1, le=86400, live=Live.NOW)
    ] = 600

    def limits(self) -> dict[str, Any]:
        """Return it as supervise/policy.py reads it."""
        pauses = [self.backoff, self.longest]
        return {"backoff": pauses, "most": self.most, "window": self.window}


class JailRestart(Restart, frozen=True, kw_only=True):
    """What follows when the main command of a jail ends."""

    head = ("policy",)
    policy: Annotated[
        Literal["never", "on-failure", "always"],
        prop(
            "Whether the main command is run again once it ends: `never`, `on-failure` (an exit"
            " status but 0, or a signal) or `always`; where not, the jail is stopped.",
            live=Live.NOW,
        ),
    ] = "on-failure"


class VmRestart(Restart, frozen=True, kw_only=True):
    """What follows when a virtual machine ends by itself."""

    head = ("reset", "crash")
    reset: Annotated[
        bool,
        prop("Run it again when the guest resets itself; `most` does not count that.",
             live=Live.NOW),
    ] = True  # fmt: skip
    crash: Annotated[
        Literal["restart", "stop"],
        prop("What follows a triple fault, or the end of bhyve by a signal.", live=Live.NOW),
    ] = "restart"
