"""jail.conf(5): the parameters of one jail, with the variables expanded and nothing run. Pure.

The grammar is that of usr.sbin/jail/jaillex.l, jailparse.y and config.c of FreeBSD 13.2, with the
jails within jails and the `.include` of 15.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign.found import shown

MOST_TEXT = 256 << 10
MOST_TOKENS = 20_000
LONGEST_VALUE = 16 << 10
MOST_VALUES = 1000
DEEPEST = 8
INCLUDE = ".include"
"""Its files are not read."""
Params = Mapping[str, Sequence[str]]
"""By parameter: its values; a bare parameter, such as `vnet;`, has none."""
_TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | \#[^\n]* | //[^\n]* | /\*.*?\*/ )
  | (?P<mark> \+= | [={};,] )
  | (?P<double> "(?:[^"\\]|\\.)*" )
  | (?P<single> '(?:[^'\\]|\\.)*' )
  | (?P<plain> (?: \\. | \+(?!=) | [^\s={};,"'\\+\#] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_VARIABLE = re.compile(r"\$(?:\{([^{}]*)\}|([A-Za-z0-9_.]+))")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}


class _Word(Struct):
    """A string; `raw` pieces have no variables in them."""

    pieces: list[tuple[str, bool]]
    end: int


class Block(Struct):
    """The parameters in braces after a name, or those outside of any, whose name is empty."""

    name: str
    lines: list[tuple[str, bool, list[list[tuple[str, bool]]]]] = field(default_factory=list)
    """Of each line: the parameter, whether it adds, and the values in pieces."""


def read(text: str, source: str) -> list[Block]:
    """Return the blocks of a file, that of the defaults first. Raise UsageError for a file that
    does not parse."""
    tokens = [*_tokens(text, source)]
    blocks, at = [Block("")], 0
    inside: list[Block] = []
    while at < len(tokens):
        token = tokens[at]
        if token == "}" and inside:
            inside.pop()
            at += 1
            continue
        if token == ";":
            at += 1
            continue
        if isinstance(token, str):
            raise _wrong(source, token)
        after = tokens[at + 1] if at + 1 < len(tokens) else ";"
        if after == "{" and len(inside) < DEEPEST:
            inside.append(Block(".".join((*(one.name for one in inside[-1:]), _flat(token)))))
            blocks.append(inside[-1])
            at += 2
            continue
        at = _line(tokens, at, inside[-1] if inside else blocks[0], source)
    if inside:
        raise _wrong(source, "the end")
    return blocks


def names(blocks: Sequence[Block]) -> list[str]:
    """Return the names of the jails."""
    return [one.name for one in blocks if one.name and "*" not in one.name]


def params_of(blocks: Sequence[Block], name: str, source: str) -> dict[str, list[str]]:
    """Return the parameters of a jail: the defaults, those of wildcards, then its own, each in
    the order of the file. Raise UsageError if a value becomes too long."""
    found: dict[str, list[list[tuple[str, bool]]]] = {"name": [[(name, True)]]}
    for block in blocks:
        if not (block.name in ("", name) or _matches(block.name, name)):
            continue
        for key, adds, values in block.lines:
            found[key] = [*found.get(key, []), *values] if adds else list(values)
            if len(found[key]) > MOST_VALUES:
                raise _wrong(source, key)
    return {
        key: [_expanded(value, found, source, 0) for value in values]
        for key, values in found.items()
        if not key.startswith("$")
    }


def _matches(pattern: str, name: str) -> bool:
    """Return whether a name with wildcards means a jail: * is one component or more of it."""
    if "*" not in pattern:
        return False
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), name) is not None


def _tokens(text: str, source: str) -> Iterator[str | _Word]:
    """Yield the tokens: marks as text, strings as words; pieces that touch are one word."""
    if len(text) > MOST_TEXT:
        raise UsageError(f"{source} is too long for a jail.conf", "look at the file")
    at, count = 0, 0
    word: _Word | None = None
    while at < len(text):
        match = _TOKEN.match(text, at)
        count += 1
        if match is None or count > MOST_TOKENS:
            raise _wrong(source, text[at : at + 20])
        at = match.end()
        if match.lastgroup in ("skip", "mark"):
            if word is not None:
                yield word
                word = None
            if match.lastgroup == "mark":
                yield match[0]
            continue
        piece = match[0] if match.lastgroup == "plain" else match[0][1:-1]
        word = word or _Word([], at)
        word.pieces.append((_unescaped(piece), match.lastgroup == "single"))
    if word is not None:
        yield word


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _LETTERS.get(match[1], match[1]), text)


def _line(tokens: Sequence[str | _Word], at: int, block: Block, source: str) -> int:
    """Read a parameter up to its semicolon; return the place behind it."""
    key = tokens[at]
    assert isinstance(key, _Word)
    name, values, adds = _flat(key), [], False
    at += 1
    if name == INCLUDE and at < len(tokens) and isinstance(file := tokens[at], _Word):
        values, adds, at = [file.pieces], True, at + 1
    elif at < len(tokens) and tokens[at] in ("=", "+="):
        adds = tokens[at] == "+="
        at += 1
        while at < len(tokens):
            token = tokens[at]
            if not isinstance(token, _Word):
                raise _wrong(source, token)
            values.append(token.pieces)
            at += 1
            if at >= len(tokens) or tokens[at] != ",":
                break
            at += 1
    if at < len(tokens) and tokens[at] not in (";", "}"):
        token = tokens[at]
        raise _wrong(source, token if isinstance(token, str) else _flat(token))
    block.lines.append((name, adds, values))
    return at + 1 if at < len(tokens) and tokens[at] == ";" else at


def _flat(word: _Word) -> str:
    return "".join(text for text, _ in word.pieces)


def _expanded(
    value: Sequence[tuple[str, bool]],
    found: Mapping[str, Sequence[Sequence[tuple[str, bool]]]],
    source: str,
    depth: int,
) -> str:
    if depth > DEEPEST:
        raise _wrong(source, "variables in a circle")

    def of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        for key in (f"${name}", name):
            if key in found:
                parts = [_expanded(one, found, source, depth + 1) for one in found[key][:4]]
                return " ".join(parts)[: LONGEST_VALUE + 1]
        return match[0]

    whole = ""
    for text, raw in value:
        whole += text if raw else _VARIABLE.sub(of, text)
        if len(whole) > LONGEST_VALUE:
            raise _wrong(source, "a value that is too long")
    return whole


def _wrong(source: str, near: str) -> UsageError:
    return UsageError(f"{source} is not a jail.conf(5): near {shown(near)!r}", "see jail.conf(5)")
