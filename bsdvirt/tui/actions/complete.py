"""Completion of a command line: the words that can stand where the cursor is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bsdvirt.errors import BsdvirtError
from bsdvirt.spec.schema import properties
from bsdvirt.tui.actions.language import Language, Next
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.feed.queries.library import IMAGES, MEDIA, PROFILES, RELEASES
from bsdvirt.tui.feed.queries.networks import NETWORKS
from bsdvirt.tui.feed.queries.pools import POOLS
from bsdvirt.tui.feed.source import Query

QUERIES: dict[str, Query[Any]] = {
    "network": NETWORKS, "release": RELEASES, "image": IMAGES, "media": MEDIA, "pool": POOLS,
    "profile": PROFILES,
}  # fmt: skip
"""What is asked of the host for names, by their kind; guests are known already."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What the word under the cursor can be."""

    words: Mapping[str, str]
    """Words that begin as it does, and a line of help for each."""
    wants: str
    """What it is called in the help of the verb."""


def split_typed(text: str) -> tuple[list[str], str] | None:
    """Return the complete words, and the one that is being typed; None within quotes."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if not text or text[-1].isspace():
        return words, ""
    return words[:-1], words[-1] if words else ""


class Completer:
    """Knows names of one host; each kind is asked for once."""

    def __init__(self, desk: Desk, language: Language, host: str) -> None:
        self._desk = desk
        self._language = language
        self._host = host
        self._known: dict[str, list[str]] = {}

    async def offers(self, before: Sequence[str], text: str) -> Offers:
        """Return what the last word of `text` can be, after the words `before`."""
        split = split_typed(text)
        if split is None:
            return Offers({}, "")
        typed, partial = split
        words = [*before, *typed]
        here = self._language.next(words)
        found = dict(here.words) if partial.startswith("-") else self._plain(here)
        for kind in here.kinds:
            found = dict.fromkeys(await self._names(kind, words), "") | found
        fitting = {word: help for word, help in found.items() if word.startswith(partial)}
        return Offers({} if fitting.keys() == {partial} else fitting, here.wants)

    def _plain(self, here: Next) -> dict[str, str]:
        """Return the words that are no options; options where there is nothing else."""
        plain = {word: help for word, help in here.words.items() if word[:1] != "-"}
        return plain or ({} if here.kinds else dict(here.words))

    async def _names(self, kind: str, words: Sequence[str]) -> list[str]:
        match kind:
            case "guest":
                host = self._desk.store.hosts.get(self._host)
                names = sorted(one.row.name for one in host.guests.values()) if host else []
                return [name for name in names if name not in words]
            case "property":
                return _properties(words, self._kinds(words))
        if kind not in self._known:
            try:
                rows = await self._desk.ask(self._host, QUERIES[kind])
            except BsdvirtError:
                return []
            self._known[kind] = [row.name for row in rows]
        return self._known[kind]

    def _kinds(self, words: Sequence[str]) -> set[str]:
        """Return the kinds of files whose properties follow these words."""
        if words[0] == "network":
            return {"network"}
        if words[0] == "create":
            return {"vm" if "vm" in words[1:2] else "jail"}
        host = self._desk.store.hosts.get(self._host)
        guests = host.guests.values() if host else ()
        named = {one.row.kind for one in guests if one.row.name in words and one.row.kind}
        return named or {"jail", "vm"}


def _properties(words: Sequence[str], kinds: set[str]) -> list[str]:
    """Return the properties that can be set or printed, for a verb."""
    sign = "" if words[0] == "get" else "="
    found = {info.name for info in properties() if kinds <= set(info.kinds)}
    return sorted(f"{name}{sign}" for name in found)
