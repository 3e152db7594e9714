"""View 5: releases, images and media: what is there, who uses it, and what can be fetched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bsdvirt.rows.base import TIME
from bsdvirt.rows.library import AvailableRow, ImageRow, MediumRow, ProfileRow, ReleaseRow
from bsdvirt.rows.sizes import human_size
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.queries.library import AVAILABLE, IMAGES, MEDIA, PROFILES, RELEASES
from bsdvirt.tui.views.asking import AskingView, key_of
from bsdvirt.tui.views.entries import HOST, Entry, column, guests_of, style_of
from bsdvirt.tui.widgets.table import Key
from bsdvirt.tui.widgets.tree import TreeTable

COLUMNS = (
    column("name", "NAME", 22, grows=2),
    HOST,
    column("kind", "KIND", 8),
    column("state", "STATE", 10),
    column("size", "SIZE", 6, right=True, descends=True),
    column("used", "USED", 6, right=True, descends=True, rank=2),
    column("users", "USERS", 5, right=True, descends=True),
    column("age", "AGE", 5, right=True, descends=True, rank=3),
    column("verified", "VERIFIED", 8, rank=4),
    column("why", "FROM", 16, grows=3, rank=5),
)
ORDER = ("release", "image", "media", "profile", "available")
"""The order of kinds, where rows are sorted by name: what is there comes first."""
AVAILABLE_EVERY = 60.0
"""Seconds after which it is asked again what can be fetched."""
YES, UNKNOWN = "yes", "-"


@dataclass(slots=True)
class Offers:
    """What can be fetched."""

    profiles: list[ProfileRow] = field(default_factory=list)
    releases: list[AvailableRow] = field(default_factory=list)
    due: float = 0.0


class LibraryView(AskingView):
    """Releases, images and media; each opens to the guests that use it."""

    name_ = "library"
    title = "Releases, images and media"
    digit = "5"
    interval = 5.0

    def __init__(self) -> None:
        self._offers: dict[str, Offers] = {}
        super().__init__()

    def make_table(self) -> TreeTable[Entry]:
        return TreeTable(COLUMNS, sort="name", empty="nothing yet: v fetches a release")

    async def ask(self, host: str) -> list[Entry]:
        desk = desk_of(self)
        offers = self._offers.setdefault(host, Offers())
        if (now := time.monotonic()) >= offers.due:
            offers.profiles = await desk.ask(host, PROFILES)
            offers.releases = await desk.ask(host, AVAILABLE)
            offers.due = now + AVAILABLE_EVERY
        releases = await desk.ask(host, RELEASES)
        images = await desk.ask(host, IMAGES)
        media = await desk.ask(host, MEDIA)
        rows = [
            *(_release(host, row) for row in releases),
            *(_image(host, row) for row in images),
            *(_medium(host, row) for row in media),
        ]
        find = guests_of(desk.store, host)
        return [
            *(entry for row, users in rows for entry in (row, *_users(find, row, users))),
            *_available(host, offers, releases, images),
        ]

    def to_open(self, rows: list[Entry], *, fits: bool) -> set[Key]:
        return set()


Used = tuple[Entry, list[str]]
"""A row, and the guests that use what it shows."""


def _release(host: str, row: ReleaseRow) -> Used:
    entry = _entry(
        host, "release", row.name, row, complete=row.complete, size=None, used=row.used,
        users=row.guests, since=row.created, verified=UNKNOWN, origin="",
    )  # fmt: skip
    return entry, row.guests


def _image(host: str, row: ImageRow) -> Used:
    # What a profile fetches is verified by its checksum; a file of the host is taken as it is.
    entry = _entry(
        host, "image", row.name, row, complete=row.complete, size=row.size, used=row.used,
        users=row.guests, since=row.created, verified=YES if row.profile else "no",
        origin=row.source,
    )  # fmt: skip
    return entry, row.guests


def _medium(host: str, row: MediumRow) -> Used:
    entry = _entry(
        host, "media", row.name, row, complete=True, size=row.size, used=row.size,
        users=row.guests, since=row.changed, verified=UNKNOWN, origin="",
    )  # fmt: skip
    return entry, row.guests


def _entry(
    host: str, kind: str, name: str, row: ReleaseRow | ImageRow | MediumRow, *, complete: bool,
    size: int | None, used: int, users: Sequence[str], since: str | None, verified: str,
    origin: str,
) -> Entry:  # fmt: skip
    state = "present" if complete else "incomplete"
    age = _age(since)
    return Entry(
        key_of(host, kind, name),
        Subject(host, kind, name, state, row),
        {
            "name": name,
            "kind": kind,
            "state": state,
            "size": "-" if size is None else human_size(size),
            "used": human_size(used),
            "users": str(len(users) or "-"),
            "age": "-" if age is None else shown_age(age),
            "verified": verified,
            "why": origin,
        },
        values={
            "name": (ORDER.index(kind), name), "size": size, "used": used, "users": len(users),
            "age": age,
        },
        styles={"state": "good" if complete else "bad"},
    )  # fmt: skip


def _users(find: Callable[[str], Subject], entry: Entry, names: Sequence[str]) -> Iterator[Entry]:
    for name in names:
        subject = find(name)
        yield Entry(
            key_of(entry.host, *entry.key[1].split("\t"), name),
            subject,
            {"name": name, "kind": subject.kind, "state": subject.state},
            parent=entry.key,
            values={"name": (0, name)},
            styles={"state": style_of(subject.state)},
        )


def _available(
    host: str, offers: Offers, releases: Sequence[ReleaseRow], images: Sequence[ImageRow]
) -> Iterator[Entry]:
    """Yield what can be fetched and is not there."""
    there = {image.profile or image.name for image in images}
    for profile in offers.profiles:
        if profile.name not in there:
            yield _offer(host, "profile", profile.name, profile.description, profile)
    present = {release.name for release in releases}
    for release in offers.releases:
        if release.name not in present:
            yield _offer(host, "available", release.name, release.why, release)


def _offer(host: str, kind: str, name: str, why: str, row: ProfileRow | AvailableRow) -> Entry:
    usable = not isinstance(row, ProfileRow) or row.url is not None
    return Entry(
        key_of(host, kind, name),
        Subject(host, kind, name, "available" if usable else "unusable", row),
        {
            "name": name,
            "kind": "image" if isinstance(row, ProfileRow) else "release",
            "state": "available" if usable else "unusable",
            "why": why,
        },
        values={"name": (ORDER.index(kind), name)},
        styles=dict.fromkeys(("name", "kind", "state", "why"), "dim" if usable else "bad"),
    )


def _age(text: str | None) -> float | None:
    """Return the seconds since a time such as 2026-11-21T10:30:00Z."""
    try:
        when = datetime.strptime(text or "", TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0.0, time.time() - when.timestamp())


def shown_age(seconds: float) -> str:
    """Return 3d for three days."""
    for size, unit in ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"
