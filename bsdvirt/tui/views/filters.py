"""The language of filters, such as `web !test tag:prod state:running,paused`. Pure.

All words are required. `!` excludes. KEY:VALUE compares whole values: a value may be a glob, or
several with commas. Any other word is looked for in the row's texts: as a part of one, or as a glob
of a whole one. `re:` begins a regular expression.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Generic, TypeVar

from bsdvirt.errors import UsageError

R = TypeVar("R")
Test = Callable[[R], bool]
Values = Callable[[R], Iterable[str]]

NOT = "!"
REGEX = "re"
GLOB = frozenset("*?[")
MOST_OFFERED = 20
_KEYED = re.compile(r"([a-z][a-z-]*):(.*)", re.DOTALL)
_HEX = frozenset("abcdef")


@dataclass(frozen=True, slots=True)
class Fields(Generic[R]):
    """What a filter can ask of a row."""

    texts: Values[R]
    """What a plain word is looked for in."""
    keys: Mapping[str, Values[R]]
    """What KEY:VALUE is compared with, by key."""


def parse(text: str, fields: Fields[R]) -> Test[R] | None:
    """Return the test of a filter; None if it says nothing yet. Raises UsageError."""
    tests = [test for word in text.split() if (test := _word(word, fields)) is not None]
    if not tests:
        return None
    return lambda row: all(test(row) for test in tests)


def _word(word: str, fields: Fields[R]) -> Test[R] | None:
    if word.startswith(NOT):
        test = _word(word[len(NOT) :], fields)
        return None if test is None else lambda row: not test(row)
    key, value = _split(word, fields)
    if key and not value:
        # It is being typed.
        return None
    if key == REGEX:
        return _any(_regex(value).search, fields.texts)
    if key:
        patterns = [_glob(one) for one in value.split(",") if one]
        values = fields.keys[key]
        return lambda row: any(
            fits.match(one.casefold()) for fits in patterns for one in values(row)
        )
    if not word:
        return None
    if GLOB & set(word):
        return _any(_glob(word).match, fields.texts)
    part = word.casefold()
    texts = fields.texts
    return lambda row: any(part in one.casefold() for one in texts(row))


def _split(word: str, fields: Fields[R]) -> tuple[str, str]:
    """Return key and value of a word, the key empty if it is plain. Raises UsageError."""
    found = _KEYED.fullmatch(word)
    if found is None:
        return "", word
    key, value = found.groups()
    if key in fields.keys or key == REGEX:
        return key, value
    if set(key) <= _HEX:
        # An IPv6 address.
        return "", word
    known = ", ".join(f"{one}:" for one in fields.keys)
    raise UsageError(f"no filter {key}:", f"there are {known}" if known else "type a text")


def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"re: {error}", "such as re:^web[0-9]") from None


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.casefold()), re.IGNORECASE)


def _any(fits: Callable[[str], object], values: Values[R]) -> Test[R]:
    return lambda row: any(fits(one) for one in values(row))


def offers(text: str, fields: Fields[R], rows: Sequence[R]) -> list[str]:
    """Return what the last word of a filter may become: keys, or a key's values, the most frequent
    first."""
    if not text or text[-1].isspace():
        return []
    word = text.split()[-1]
    mark = NOT if word.startswith(NOT) else ""
    word = word.removeprefix(NOT)
    key, colon, value = word.partition(":")
    if not colon:
        return [f"{mark}{one}:" for one in fields.keys if word and one.startswith(word)]
    if key not in fields.keys:
        return []
    before, comma, begun = value.rpartition(",")
    counted = Counter(one for row in rows for one in set(fields.keys[key](row)))
    fitting = [one for one in counted if one.casefold().startswith(begun.casefold())]
    fitting.sort(key=lambda one: (-counted[one], one))
    return [f"{mark}{key}:{before}{comma}{one}" for one in fitting[:MOST_OFFERED]]


def completed(text: str, offered: Sequence[str]) -> str:
    """Return the filter with its last word completed as far as the offers agree."""
    if not offered:
        return text
    last = text.split()[-1]
    common = os.path.commonprefix(list(offered))
    return text[: len(text) - len(last)] + common if len(common) > len(last) else text
