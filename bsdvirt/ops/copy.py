"""Files copied into guests and out of them."""

from __future__ import annotations

import os
import re

from bsdvirt.errors import UsageError
from bsdvirt.host.copying import plain_parts
from bsdvirt.plan.step import Copy, Plan, Step
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session

_PLACE = re.compile(r"([a-z][a-z0-9_-]{0,31}):(/.*)", re.DOTALL)


def copy(session: Session, source: str, target: str, *, recursive: bool = False) -> Outcome:
    """Copy between the host and a guest; one of the two is GUEST:/PATH.

    Raises UsageError, NotFoundError, StepError for what could not be read or written.
    """
    there, here = _PLACE.fullmatch(source), _PLACE.fullmatch(target)
    match = there or here
    if match is None or (there and here):
        raise UsageError("cp: one of the two is GUEST:/PATH", "bsdvirt cp FILE web:/tmp/FILE")
    name, inner = match[1], match[2]
    plain_parts(inner)
    with session.locked("guest", name, "cp"):
        found = session.inventory()
        guest = found.guest(name)
        if guest.identity.kind == "vm":
            raise UsageError(
                f"{name} is a virtual machine: its files are not seen from here",
                "copy over its network, as with scp(1)",
            )
        root = guest.root
        outer = os.path.abspath(target if there else source)
        if there and target.endswith("/"):
            outer += "/"
        action = Copy(outer, root, inner, inward=here is not None, recursive=recursive)
        step = Step(action, "copy, following no link of the guest's")
        session.run(Plan("cp", name, "guest", (step,), op=session.new_op(), must_journal=False))
    return Outcome(name, f"copied {source} to {target}")
