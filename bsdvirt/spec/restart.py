"""When and how soon a guest is restarted after it has ended: the same for both kinds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from bsdvirt.spec.base import Live, Spec, prop


class Restart(Spec, frozen=True, kw_only=True):
    """How soon and how often a guest is restarted after it ended by itself."""

    backoff: Annotated[
        int,
        prop(
            "Delay before a restart, doubled each time up to `longest`, until a run "
            "lasts longer than that.",
            unit="s",
            ge=1,
            le=60,
            live=Live.NOW,
        ),
    ] = 1
    longest: Annotated[
        int, prop("Longest delay before a restart.", unit="s", ge=1, le=3600, live=Live.NOW)
    ] = 60
    most: Annotated[
        int,
        prop(
            "Number of restarts within `window`; the next end is a failure. 0 sets no limit.",
            ge=0,
            le=10000,
            live=Live.NOW,
        ),
    ] = 5
    window: Annotated[
        int, prop("Time in which restarts are counted.", unit="s", ge=1, le=86400, live=Live.NOW)
    ] = 600

    def limits(self) -> dict[str, Any]:
        """Return the policy in the form that supervise/policy.py reads."""
        pauses = [self.backoff, self.longest]
        return {"most": self.most, "window": self.window, "backoff": pauses}


class JailRestart(Restart, frozen=True, kw_only=True):
    """What to do when the main command of a jail ends."""

    head = ("policy",)
    policy: Annotated[
        Literal["never", "on-failure", "always"],
        prop(
            "Restart the main command when it ends: `never`, `on-failure` (an exit "
            "status other than 0, or a signal) or `always`; if it is not restarted, the "
            "jail is stopped.",
            live=Live.NOW,
        ),
    ] = "on-failure"


class VmRestart(Restart, frozen=True, kw_only=True):
    """What to do when a virtual machine ends by itself."""

    head = ("reset", "crash")
    reset: Annotated[
        bool,
        prop("Restart it after a reset by the guest, which does not count towards `most`.",
             live=Live.NOW),
    ] = True  # fmt: skip
    crash: Annotated[
        Literal["restart", "stop"],
        prop("What to do after a triple fault, or if a signal ends bhyve.", live=Live.NOW),
    ] = "restart"
