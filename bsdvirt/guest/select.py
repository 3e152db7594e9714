"""Which guests are meant: names, globs, state:running, kind:jail, tag:x, --all. Pure."""

from __future__ import annotations

from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.spec.digits import is_guest_name

TYPE_CHECKING = False
# As in cli/streams.py. fnmatch is imported where a word is no name: it imports re.
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from bsdvirt.guest.inventory import Guest, Inventory

    State = Callable[[str], str]

KEYS = ("state", "kind", "tag")
WORDS: dict[str, Callable[[Guest], Collection[str]]] = {
    "kind": lambda guest: (guest.identity.kind,),
    "tag": lambda guest: guest.identity.tags,
}
"""The words of a guest that a selector with that key matches."""


def needs_state(words: Iterable[str]) -> bool:
    """Whether the kernel must be asked before the words can be understood."""
    return any(word.lstrip("!").startswith("state:") for word in words)


def select(
    words: Sequence[str], found: Inventory, state: State, *, every: bool, foreign: bool = False
) -> list[str]:
    """The names that are meant, sorted, each once. `foreign` guests are meant where that is
    asked for, and then by their names only.

    `!word` takes away; where it comes first, from all. Raises NotFoundError for a name
    that does not exist or a pattern that fits nothing, UsageError where no guest is named.
    """
    if every and words:
        raise UsageError("--all and names do not go together", "omit one of them")
    if every:
        return sorted(found.guests)
    if not words:
        raise UsageError("which guest?", "name guests, or use --all")
    if all(map(is_guest_name, words)):
        known = found.foreign if foreign else {}
        return sorted({word if word in known else found.guest(word).name for word in words})
    import fnmatch

    chosen = set(found.guests) if words[0].startswith("!") else set()
    strangers = set(found.foreign) if foreign else set()
    for word in words:
        plain = word.removeprefix("!")
        named = strangers if plain == "state:foreign" else fnmatch.filter(strangers, plain)
        if fitting := strangers & set(named):
            chosen = chosen - fitting if word.startswith("!") else chosen | fitting
            if plain in fitting or plain == "state:foreign":
                continue
        if word.startswith("!"):
            chosen -= set(_fitting(word[1:], found, state))
        else:
            chosen |= set(_wanted(word, found, state, bool(fitting)))
    return sorted(chosen)


def _wanted(word: str, found: Inventory, state: State, others: bool) -> list[str]:
    fitting = _fitting(word, found, state)
    if not fitting and not others and ":" not in word:
        if any(character in word for character in "*?["):
            raise NotFoundError(f"no guest matches {word}", "bsdvirt ls lists the guests")
        found.guest(word)
    return fitting


def _fitting(word: str, found: Inventory, state: State) -> list[str]:
    key, colon, value = word.partition(":")
    if not colon:
        import fnmatch

        return fnmatch.filter(found.guests, word)
    if key == "state":
        return [name for name in found.guests if state(name) == value]
    if words := WORDS.get(key):
        return [name for name, guest in found.guests.items() if value in words(guest)]
    raise UsageError(f"{word}: not a selector", f"selectors are {', '.join(k + ':' for k in KEYS)}")
