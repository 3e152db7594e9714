"""A file brought over https into a directory of ours: told, gone on with, checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bsdvirt.errors import FetchError, Interrupted
from bsdvirt.library import mirrors
from bsdvirt.library.https import Meter, Web
from bsdvirt.library.partial import keeping
from bsdvirt.plan import events
from bsdvirt.session.session import Session

TELL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Item:
    """What is brought: a file of which `urls` are all places, and its checksum, empty where
    nobody knows it. `listed` is where the checksum stands."""

    verb: str
    subject: str
    words: str
    urls: Sequence[str]
    checksum: str
    listed: str = "MANIFEST"


def open_web(session: Session, verb: str, subject: str) -> Web:
    """How this host fetches; what it says of that is told of the subject."""

    def note(message: str) -> None:
        session.sink(events.Told("", verb, subject, message))

    named = session.hostfile.fetch
    return Web(session.interrupt, named.timeout, named.retries, note)


def bring(session: Session, web: Web, item: Item, path: str, check: Callable[[], None]) -> str:
    """Bring a file, or what is missing of it; its checksum. `check` is called before anything
    is fetched, once no other bsdvirt is at it.

    Raises as Web.save does, saying how much of it is kept.
    """
    room = session.inventory().datasets[0].available
    real = session.host.fs.path(path)
    with keeping(real, path, item.checksum, room, session.interrupt) as kept:
        if kept is None:
            web.note(f"{item.urls[0].rpartition('/')[2]} is there already")
            return item.checksum
        check()
        web.note(
            f"going on with {item.urls[0]}: {mirrors.amount(kept.size)} are there"
            if kept.size
            else f"fetching {item.urls[0]}"
        )
        try:
            web.save(item.urls, kept, meter(session, item), item.listed)
        except (FetchError, Interrupted) as error:
            error.hint = kept.so_far() or error.hint
            raise
        return kept.checksum


def meter(session: Session, item: Item) -> Meter:
    """Tells the progress, ten times a second at most."""
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= TELL_SECONDS or done == total:
            told = now
            session.sink(
                events.Progress(
                    "", item.verb, item.subject, f"fetch {item.words}", done, total, "bytes"
                )
            )

    return tell
