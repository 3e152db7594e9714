"""jail.conf(5): the lexer and grammar of jail(8), without variables and wildcards.

Messages and line numbers of its errors are those of the real parser, which resumes after an error
at the next `;` and reports no other until it has accepted three tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Param:
    """A parameter with its values; none where it stands alone."""

    name: str
    values: list[str] = field(default_factory=list)
    append: bool = False


class BadConfig(Exception):  # noqa: N818
    """The file cannot be used: the lines that jail(8) prints."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class NotSimulated(Exception):  # noqa: N818
    """The file uses what this parser does not support."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """STR, STR1 (joined to the one before), VAR, +=, one of , ; = { } or EOF."""
    text: str
    value: str
    line: int


_ATOM = re.compile(r"[A-Za-z0-9_!%&()\-.:<>?@\[\]^`|~]+")
_SPACE = re.compile(r"[ \t]+")
_COMMENT = re.compile(r"#[^\n]*|//[^\n]*")
_BLOCK = re.compile(r"/\*.*?\*/", re.DOTALL)
_SINGLE = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OPEN = re.compile(r"""'(?:[^\n'\\]|\\.)*|"(?:[^\n"\\]|\\.)*""")
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z_0-9]*|\$\{[^\n{}]*\}")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\n": ""}


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        word = match[1]
        if word[0] in "01234567":
            return chr(int(word, 8) & 0xFF)
        if word[0] == "x" and len(word) > 1:
            return chr(int(word[1:], 16))
        return _LETTERS.get(word, word)

    return _ESCAPE.sub(one, text)


class _Lexer:
    def __init__(self, text: str, name: str, errors: list[str]) -> None:
        self.text = text
        self.name = name
        self.errors = errors
        self.at = 0
        self.line = 1
        self.joined = False

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None or not match[0]:
            return ""
        self.at = match.end()
        self.line += match[0].count("\n")
        return match[0]

    def next(self) -> _Token:
        while True:
            if self.at >= len(self.text):
                return _Token("EOF", "", "", self.line)
            if self._take(_SPACE):
                self.joined = False
            elif self._take(_COMMENT):
                pass
            elif self.text.startswith("/*", self.at):
                if not self._take(_BLOCK):
                    raise NotSimulated("a comment without an end")
                self.joined = False
            elif self.text[self.at] == "\n":
                self.at += 1
                self.line += 1
                self.joined = False
            elif self.text[self.at] in "'\"" and not (
                _SINGLE.match(self.text, self.at) or _DOUBLE.match(self.text, self.at)
            ):
                self.errors.append(f"jail: {self.name} line {self.line}: unterminated string")
                self._take(_OPEN)
            else:
                return self._token()

    def _token(self) -> _Token:
        if self.text.startswith("+=", self.at):
            self.at += 2
            self.joined = False
            return _Token("+=", "+=", "", self.line)
        character = self.text[self.at]
        if character in ",;={}":
            self.at += 1
            self.joined = False
            return _Token(character, character, "", self.line)
        variable = self._take(_VARIABLE)
        if variable:
            return self._string(variable, "", "VAR")
        for quoted in (_SINGLE, _DOUBLE):
            text = self._take(quoted)
            if text:
                if quoted is _DOUBLE and re.search(r"(?<!\\)\$", text):
                    raise NotSimulated("a variable in a double-quoted string")
                return self._string(text, _unescape(text[1:-1]), "STR")
        text = self._take(_ATOM)
        if text:
            return self._string(text, text, "STR")
        if character in "$*+/\\":
            match = _ESCAPE.match(self.text, self.at)
            text = match[0] if match else character
            self.at += len(text)
            return self._string(text, _unescape(text), "STR")
        self.at += 1
        return _Token(character, character, "", self.line)

    def _string(self, text: str, value: str, kind: str) -> _Token:
        kind += "1" if self.joined else ""
        self.joined = True
        return _Token(kind, text, value, self.line)


class _SyntaxError(Exception):
    pass


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.errors: list[str] = []
        self.lexer = _Lexer(text, name, self.errors)
        self.recovering = 0
        self.token = self.lexer.next()

    def shift(self) -> _Token:
        token = self.token
        self.recovering = max(0, self.recovering - 1)
        self.token = self.lexer.next()
        return token

    def fail(self) -> None:
        if not self.recovering:
            what = (
                f"{self.name}: unexpected EOF"
                if self.token.kind == "EOF"
                else f"{self.name} line {self.token.line}: {self.token.text}: syntax error"
            )
            self.errors.append(f"jail: {what}")
        self.recovering = 3

    def file(self) -> dict[str, list[Param]]:
        jails: dict[str, list[Param]] = {}
        try:
            while self.token.kind != "EOF":
                if self.token.kind == ";":
                    self.shift()
                elif self.token.kind == "STR":
                    name = self.shift()
                    if self.token.kind != "{":
                        raise NotSimulated("parameters outside of a jail's block")
                    if "*" in name.value or name.value in jails:
                        raise NotSimulated("wildcards, or one jail in two blocks")
                    self.shift()
                    jails[name.value] = self.params()
                else:
                    self.fail()
                    raise _SyntaxError
        except _SyntaxError:
            pass
        if self.errors:
            raise BadConfig(self.errors)
        return jails

    def params(self) -> list[Param]:
        found: list[Param] = []
        while self.token.kind != "}":
            if self.token.kind == ";":
                self.shift()
                continue
            try:
                param = self.param()
                if self.token.kind != ";":
                    self.fail()
                    raise _SyntaxError
                self.shift()
                found.append(param)
            except _SyntaxError:
                self.recover()
        self.shift()
        return found

    def recover(self) -> None:
        """Skip to the next `;`."""
        while self.token.kind != ";":
            if self.token.kind == "EOF":
                raise _SyntaxError
            self.token = self.lexer.next()
        self.shift()

    def param(self) -> Param:
        if self.token.kind == "VAR":
            raise NotSimulated("variables")
        if self.token.kind != "STR":
            self.fail()
            raise _SyntaxError
        param = Param(self.shift().value)
        if self.token.kind in ("=", "+="):
            param.append = self.shift().kind == "+="
            self.values(param)
        elif self.token.kind == "STR":
            self.values(param)
        return param

    def values(self, param: Param) -> None:
        while True:
            if self.token.kind == "VAR":
                raise NotSimulated("variables")
            if self.token.kind != "STR":
                self.fail()
                raise _SyntaxError
            value = self.shift().value
            while self.token.kind == "STR1":
                value += self.shift().value
            param.values.append(value)
            if self.token.kind != ",":
                return
            self.shift()


def parse(text: str, name: str) -> dict[str, list[Param]]:
    """Return the jails of a file, each with its parameters merged as jail(8) merges them.

    Raises BadConfig with jail(8)'s messages, NotSimulated for what is not supported here.
    """
    found = _Parser(text, name).file()
    return {jail: merge(params) for jail, params in found.items()}


def merge(params: list[Param]) -> list[Param]:
    """Merge parameters: `=` replaces an earlier value, `+=` adds to it; `foo` and `nofoo` are
    one."""
    merged: list[Param] = []
    for param in params:
        known = next((other for other in merged if same(other.name, param.name)), None)
        if known is None:
            merged.append(Param(param.name, list(param.values)))
            continue
        known.name = param.name
        if not param.append or not param.values:
            known.values.clear()
        known.values.extend(param.values)
    return merged


def same(one: str, other: str) -> bool:
    """Whether two names are one parameter, with and without `no`."""
    return one == other or positive(one) == positive(other)


def positive(name: str) -> str:
    """Return the name without a `no` before its last part."""
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}{last.removeprefix('no')}"
