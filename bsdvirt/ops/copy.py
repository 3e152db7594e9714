"""Files copied into guests and out of them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.host.copying import plain_parts
from bsdvirt.kinds import need_kind
from bsdvirt.plan.step import Copy, Plan, Step
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session

_PLACE = re.compile(r"([a-z][a-z0-9_-]{0,31}):(/.*)", re.DOTALL)


class CopyFiles(Struct, frozen=True):
    """Copy between the host and a guest; one of the two is GUEST:/PATH."""

    source: str
    target: str
    recursive: bool = False

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises UsageError, NotFoundError."""
        there, here = _PLACE.fullmatch(self.source), _PLACE.fullmatch(self.target)
        match = there or here
        if match is None or (there and here):
            raise UsageError(
                "cp: exactly one of the two must be GUEST:/PATH", "bsdvirt cp FILE web:/tmp/FILE"
            )
        name, inner = match[1], match[2]
        plain_parts(inner)
        with session.locked("guest", name, "cp"):
            guest = session.inventory().guest(name)
            why, hint = "its files are not seen from here", "copy over its network, as with scp(1)"
            need_kind(guest, "jail", why, hint)
            outer = os.path.abspath(self.target if there else self.source)
            if there and self.target.endswith("/"):
                outer += "/"
            action = Copy(
                outer, guest.root, inner, inward=here is not None, recursive=self.recursive
            )
            step = Step(action, "copy, following no link of the guest's")
            plan = Plan("cp", name, "guest", (step,), op=session.new_op(), must_journal=False)
            message = f"copied {self.source} to {self.target}"
            yield Prepared(session, [Task(name, (Part(plan),), message)])
