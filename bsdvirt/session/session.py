"""One use of bsdvirt: what it reads, its locks, and the running of plans."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import field

from bsdvirt.errors import HostError
from bsdvirt.host.fs import keep_private
from bsdvirt.layout import RUN_DIRECTORY, Layout
from bsdvirt.plan import events
from bsdvirt.session.locking import Locking

if TYPE_CHECKING:
    from bsdvirt.plan.execute import Executor
    from bsdvirt.plan.step import Plan

ENDS = ("stop", "clean")
"""The verbs of plans that are run without a journal while its dataset is not mounted."""


class Session(Locking, dict=True):
    """What every operation works with."""

    stopped: frozenset[str] = frozenset()
    """Guests that are taken for stopped, where a start is planned before it is their turn."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """For guests that are not created yet: directories with the contents of their future roots."""
    boot_from: str = ""
    """The drive or disk to boot from, this start only."""
    previewed: list[Any] = field(default_factory=list)
    """What was prepared in a preview, as prepared.py has it."""
    shown: Any = None
    """What the user has confirmed, as prepared.py has it: nothing else is run for the next
    request."""

    def need_root(self) -> None:
        """Raises HostError where the caller may not change the host."""
        if not self.preview and os.geteuid() != self.host.owner_uid:
            raise HostError("only root can do that", "run it as root")

    @cached_property
    def _executor(self) -> Callable[[str | None], Executor]:
        # Imported when something is to be done: reading verbs need none of it.
        from bsdvirt.plan.execute import Executor
        from bsdvirt.plan.fault import Faults

        faults = Faults()
        return lambda state: Executor(self.host, state, self.sink, self.interrupt, faults)

    def prepare(self) -> None:
        """Import what plans are run with, before several threads do. Keep /var/run/bsdvirt for
        root alone."""
        _ = self._executor
        keep_private(self.host.fs, RUN_DIRECTORY)

    def run(
        self,
        plan: Plan,
        *,
        journalled: bool = True,
        claimed: Callable[[], None] | None = None,
        home: Layout | None = None,
    ) -> list[str]:
        """Run a plan, and return what went another way than it should; for prepared.py only.
        `claimed` is called once its claims are written. Its journal is kept in `home`: the
        guest's own pool, or the first, where none is named."""
        if home is None:
            home = self.homes.get(plan.subject) if plan.kind == "guest" else None
        state = (home or self.layout).state if journalled else None
        if state and not plan.empty and (error := self._not_mounted(state)) is not None:
            if plan.verb not in ENDS:
                raise error
            text = f"{error.message}; continuing without a journal"
            self.sink(events.Warned(plan.op, plan.verb, plan.subject, text))
            state = None
        return self._executor(state).run(plan, claimed=claimed)

    def _not_mounted(self, state: str) -> HostError | None:
        if self.unready is None:
            self.inventory(shallow=True)
        return (self.unready or {}).get(state)
