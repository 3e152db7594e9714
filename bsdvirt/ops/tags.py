"""Tags: words that guests are selected by."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.guest.change import plan_claim
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session
from bsdvirt.spec.types import TagName

MOST_TAGS = 32


def tag(session: Session, name: str, words: Sequence[str], *, remove: bool = False) -> Outcome:
    """Give a guest tags, or take them away (all, where none is named).

    Raises UsageError for what is no tag, NotFoundError, ConflictError.
    """
    try:
        tags = [TagName.parse(word) for word in words]
    except ValueError as error:
        raise UsageError(f"tag: {error}", "such as web or team-a") from None
    with session.locked("guest", name, "tag"):
        guest = session.inventory().guest(name)
        had = guest.identity.tags
        if remove:
            wanted = [t for t in had if t not in tags] if tags else []
        else:
            wanted = sorted({*had, *tags})
        if len(wanted) > MOST_TAGS:
            raise UsageError(f"{name}: {len(wanted)} tags", f"a guest has at most {MOST_TAGS}")
        identity = msgspec.structs.replace(guest.identity, tags=wanted)
        session.run(
            plan_claim(guest, identity, session.new_op(), verb="tag", why="its tags are so")
        )
    return Outcome(name, f"tags: {', '.join(wanted) or 'none'}")
