"""Read and write JSON by the parts of the module json that are compiled: importing all of it, and
re with it, takes as long as listing guests."""

from __future__ import annotations

from _json import encode_basestring, encode_basestring_ascii, make_scanner

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_BLANKS = " \t\n\r"


class _Reading:
    """How it is read, as json.JSONDecoder has it: control characters in strings are accepted."""

    strict = False
    object_hook = None
    object_pairs_hook: Any = None
    array_hook = None
    """Python 3.15 has that, too."""
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(word: str) -> Any:
        raise ValueError(f"{word} is not a number")


class _ReadingOnce(_Reading):
    """The same, and what has a name twice is refused, as are control characters."""

    strict = True

    @staticmethod
    def object_pairs_hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name appears twice")
        return found


def loads(text: str, *, once: bool = False) -> Any:
    """Return the value of a JSON text. Raises ValueError; with `once`, also for what has a name
    twice."""
    text = text.strip(_BLANKS)
    scan = make_scanner(_ReadingOnce() if once else _Reading())  # type: ignore[arg-type]
    try:
        value, end = scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None
    if end != len(text):
        raise ValueError("not JSON: it has more than one value")
    return value


def dumps(value: Any, *, ascii: bool) -> str:
    """Return a value as JSON, in lines with an indentation of 2, as json.dumps() does."""
    encode = encode_basestring_ascii if ascii else encode_basestring
    return "".join(_parts(value, "\n", encode))


def _parts(value: Any, line: str, encode: Callable[[str], str]) -> Iterator[str]:
    inner = line + "  "
    if isinstance(value, str):
        yield encode(value)
    elif value is None or value is True or value is False:
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, dict) and all(isinstance(name, str) for name in value):
        comma = "{"
        for name, item in value.items():
            yield f"{comma}{inner}{encode(name)}: "
            yield from _parts(item, inner, encode)
            comma = ","
        yield f"{line}}}" if value else "{}"
    elif isinstance(value, list | tuple):
        comma = "["
        for item in value:
            yield f"{comma}{inner}"
            yield from _parts(item, inner, encode)
            comma = ","
        yield f"{line}]" if value else "[]"
    elif isinstance(value, int):
        yield int.__repr__(value)
    else:
        import json

        text = json.dumps(value, indent=2, ensure_ascii=encode is encode_basestring_ascii)
        yield text.replace("\n", line)
