"""Tags: words that guests are selected by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.guest.change import plan_claim
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.types import TagName

MOST_TAGS = 32


def checked_tags(words: Sequence[str]) -> list[TagName]:
    """Return words as tags, each once. Raises UsageError."""
    tags = {parsed(TagName, word, "such as web or team-a", of="tag") for word in words}
    if len(tags) > MOST_TAGS:
        raise UsageError(f"{len(tags)} tags", f"a guest has at most {MOST_TAGS}")
    return sorted(tags)


class Tag(Struct, frozen=True):
    """Give a guest tags, or remove them (all, where none is named)."""

    name: str
    tags: tuple[str, ...]
    remove: bool = False

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises UsageError for a word that is no tag, NotFoundError, ConflictError."""
        tags = checked_tags(self.tags)
        with session.locked("guest", self.name, "tag"):
            guest = session.inventory().guest(self.name)
            wanted = self._wanted(guest.identity.tags, tags)
            if len(wanted) > MOST_TAGS:
                raise UsageError(
                    f"{self.name}: {len(wanted)} tags", f"a guest has at most {MOST_TAGS}"
                )
            identity = msgspec.structs.replace(guest.identity, tags=wanted)
            plan = plan_claim(guest, identity, session.new_op(), verb="tag", why="its tags are so")
            message = f"tags: {', '.join(wanted) or 'none'}"
            yield Prepared(session, [Task(self.name, (Part(plan),), message)])

    def _wanted(self, had: list[TagName], tags: list[TagName]) -> list[TagName]:
        if not self.remove:
            return sorted({*had, *tags})
        return [tag for tag in had if tag not in tags] if tags else []
