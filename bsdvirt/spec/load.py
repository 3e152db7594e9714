"""Load and dump YAML and JSON. Input is validated here, once.

yaml, and the types of the larger files, are imported by the functions that need them: listing
guests reads no YAML, and no guest's file.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import BadValueError, Spec, shown
from bsdvirt.spec.fields import (
    convert_hook,
    field_at,
    plain,
    struct_at,
    type_at,
    unknown_hint,
    words_of,
)
from bsdvirt.spec.hostfile import HostFile, PoolFile
from bsdvirt.spec.identity import MAX_BYTES, MAX_ID, Identity
from bsdvirt.spec.identitycheck import VERSION, check_identity

if TYPE_CHECKING:
    import yaml

    from bsdvirt.spec.guest import GuestSpec
    from bsdvirt.spec.jail import Jail
    from bsdvirt.spec.network import Network

SpecT = TypeVar("SpecT", bound=Spec)

MAX_TEXT = 64 * 1024
"""The limit on the size of YAML."""
MAX_DEPTH = 16
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_INT = r"[-+]?(0|[1-9][0-9]{0,30})"


_one_at_a_time = threading.RLock()
"""msgspec crashes the process if two threads use a struct type for the first time at once."""


def load_jail(text: str, source: str = "") -> Jail:
    """Return the spec of a jail. Raise UsageError, naming `source`."""
    from bsdvirt.spec.jail import Jail

    return decode(Jail, parse_yaml(text, source), source)


def load_guest(text: str, source: str = "") -> GuestSpec:
    """Return the spec of a guest of either kind. Raise UsageError, naming `source`."""
    data = parse_yaml(text, source)
    kind = data.get("kind", "jail")
    if kind == "jail":
        from bsdvirt.spec.jail import Jail

        return decode(Jail, data, source)
    if kind == "vm":
        from bsdvirt.spec.vm import Vm

        return decode(Vm, data, source)
    what = f"{_prefix(source)}kind: no kind {shown(kind)}"
    raise UsageError(what, "the kinds are jail and vm")


def load_network(text: str, source: str = "") -> Network:
    """Return the spec of a network. Raise UsageError, naming `source`."""
    from bsdvirt.spec.network import Network

    return decode(Network, parse_yaml(text, source), source)


def load_hostfile(text: str, source: str = "") -> HostFile:
    """Return the contents of the host file. Raise UsageError, naming `source`."""
    plain = _plain_lines(text)
    return decode(HostFile, parse_yaml(text, source) if plain is None else plain, source)


def load_pool(text: str, source: str = "") -> PoolFile:
    """Return the contents of a pool's file. Raises UsageError, naming `source`."""
    plain = _plain_lines(text)
    return decode(PoolFile, parse_yaml(text, source) if plain is None else plain, source)


_PLAIN_LINE = re.compile(r"(?:#.*)?|([a-z_]+): ([A-Za-z0-9/_][A-Za-z0-9/_.-]*)", re.ASCII)


def _plain_lines(text: str) -> dict[str, Any] | None:
    """Parse a file that has only `key: word` lines and comments, as `init` writes it; return
    None for any other. Every command reads the host file, and listing guests must not load a
    YAML library for it."""
    found: dict[str, Any] = {}
    for line in text.split("\n"):
        match = _PLAIN_LINE.fullmatch(line)
        if match is None or match[1] in found:
            return None
        if match[1]:
            found[match[1]] = scalar(match[2])
    return found or None


@lru_cache(MAX_ID)
def identity_from_json(text: str | bytes, source: str = "") -> Identity:
    """Return the identity in a value of bsdvirt:guest. Raise UsageError, naming `source`. One who
    reads all guests each second reads the same values again."""
    data = parse_json(text, source, MAX_BYTES)
    if isinstance(data, dict) and data.get("v", VERSION) != VERSION:
        known = f"written by a newer version of bsdvirt: version {shown(data['v'])}"
        raise UsageError(f"{_prefix(source)}v: {known}", "upgrade this host")
    identity = decode(Identity, data, source)
    try:
        check_identity(identity)
    except BadValueError as error:
        raise UsageError(_line(f"{_prefix(source)}{error.at}: {error}")) from None
    return identity


def parse_json(text: str | bytes, source: str = "", most: int = MAX_TEXT) -> Any:
    """Return the data of an untrusted JSON text. Raise UsageError if it is invalid, too long or
    nested too deep, or has duplicate names or non-numbers such as NaN."""
    if len(text) > most:
        raise UsageError(f"{_prefix(source)}longer than {most} bytes")
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        if _depth(plain) > MAX_DEPTH:
            raise UsageError(f"{_prefix(source)}nested deeper than {MAX_DEPTH}")
        data = json.loads(plain, object_pairs_hook=_once, parse_constant=_no_number)
        if _SURROGATE.search(plain):
            json.dumps(data, ensure_ascii=False).encode()
    except UnicodeError:
        raise UsageError(f"{_prefix(source)}not JSON: not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{_prefix(source)}not JSON: {_line(str(error))}") from None
    return data


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _depth(text: str) -> int:
    """Return an upper bound of the nesting depth, computed before a recursive parser runs."""
    if (begun := text.count("[") + text.count("{")) <= MAX_DEPTH:
        return begun
    depth = deepest = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} appears twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def identity_to_json(identity: Identity) -> str:
    """Return compact JSON. Raise UsageError if it is longer than a ZFS property can be."""
    text = msgspec.json.encode(plain(identity)).decode()
    size = len(text.encode())
    if size > MAX_BYTES:
        raise UsageError(
            f"the guest's identity takes {size} bytes, more than the {MAX_BYTES} that ZFS holds",
            "shorten boot.after or remove tags",
        )
    return text


def dump(struct: Spec) -> str:
    """Return YAML in the order of the declarations, without defaults."""
    return dump_value(plain(struct))


def dump_value(value: object) -> str:
    """Return plain mappings, lists and scalars as YAML."""
    import yaml

    text: str = yaml.safe_dump(
        value, sort_keys=False, default_flow_style=False, allow_unicode=True, width=10_000
    )
    return text


# ---- plain data to structs ----


def decode(cls: type[SpecT], data: object, source: str = "") -> SpecT:
    """Return plain data as a struct. Raise UsageError: `SOURCE: nics.0.mtu: expected int, got
    str`."""
    try:
        with _one_at_a_time:
            return msgspec.convert(data, cls, dec_hook=convert_hook)
    except msgspec.ValidationError as error:
        _explain(cls, data, error, source)
    except UnicodeEncodeError as error:
        raise UsageError(f"{_prefix(source)}{shown(error.object)} is not text") from None


# Not compiled at import: needed for invalid input only.
_AT = r"(?s)^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$"
_UNKNOWN = r"(?s)^Object contains unknown field `(.*)`$"
_MISSING = r"^Object missing required field `(.*)`$"
_OUTSIDE = r"^Expected `int` [<>]=|matching regex"
_INVALID = r"(?s)^Invalid (?:enum )?value (.*)$"


def _explain(cls: type[Spec], data: object, error: Exception, source: str) -> NoReturn:
    """Raise UsageError for an error of msgspec."""
    match = re.match(_AT, str(error))
    assert match is not None
    parts = re.findall(r"[^.\[\]]+", match["path"] or "")
    what, hint, cause = match["what"], "", error.__cause__
    if unknown := re.match(_UNKNOWN, what):
        what, hint = "no such property", unknown_hint(struct_at(cls, parts), unknown[1])
        parts.append(unknown[1] if unknown[1].isidentifier() else shown(unknown[1]))
    elif missing := re.match(_MISSING, what):
        what = "it is missing"
        parts.append(missing[1])
    else:
        if isinstance(cause, BadValueError):
            what, hint = str(cause), cause.hint
            parts += cause.at.split(".") if cause.at else []
        elif invalid := re.match(_INVALID, what):
            what = f"expected {_choices(cls, parts)}, got {invalid[1]}"
        elif re.search(_OUTSIDE, what):
            what = f"expected {words_of(type_at(cls, parts))}, got {_seen(data, parts)}"
        else:
            what = _words(what)
            hint = _quoting_hint(what, data, parts)
    field = field_at(cls, parts)
    where = ".".join(parts)
    message = f"{_prefix(source)}{where}: {what}" if where else f"{_prefix(source)}{what}"
    raise UsageError(_line(message), hint or (field.help if field else "")) from None


def _seen(data: object, parts: list[str]) -> str:
    """Return a value for a message; passwords are not shown."""
    return "another" if parts[-1:] == ["password"] else shown(_at(data, parts))


def _words(what: str) -> str:
    """Translate a message of msgspec: a YAML file has mappings and lists."""
    what = what.replace("`", "").replace("object", "mapping").replace("array", "list")
    what = what.replace("list of length <=", "at most this many:")
    what = re.sub(r"str of length <= (\d+)", r"at most \1 characters", what)
    what = what.replace(" | null", "").replace("got null", "got nothing")
    return what[:1].lower() + what[1:]


def _choices(cls: type[Spec], parts: list[str]) -> str:
    config = cls.__struct_config__
    return str(config.tag) if parts == [config.tag_field] else words_of(type_at(cls, parts))


def _at(data: Any, parts: list[str]) -> Any:
    """Return the value at a path of the data; None if there is none."""
    try:
        for part in parts:
            data = data[int(part) if isinstance(data, list) else part]
    except (LookupError, TypeError, ValueError):
        return None
    return data


def _quoting_hint(what: str, data: object, parts: list[str]) -> str:
    """Return a hint if YAML read a number or a boolean where text was expected."""
    if re.search(r"expected str, got (int|bool)", what) is None:
        return ""
    value = _at(data, parts)
    word = str(value).lower() if isinstance(value, bool) else value
    return f'YAML does not read it as text: write it in quotes, as "{word}"'


def _prefix(source: str) -> str:
    return f"{source}: " if source else ""


def _line(text: str) -> str:
    """Return text on one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


# ---- YAML text to plain data ----


def parse_yaml(text: str, source: str = "") -> Any:
    """Return the data of one YAML document, a mapping. Raise UsageError with line and column."""
    import yaml

    node = compose_yaml(text, source)
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(
            f"{_prefix(source)}expected a mapping of properties", "write lines as name: value"
        )
    return plain_node(node, source)


def parse_value(text: str) -> Any:
    """Return a value in YAML's flow style, from a command line. Raise UsageError."""
    node = compose_yaml(text)
    return None if node is None else plain_node(node)


def compose_yaml(text: str, source: str = "") -> yaml.Node | None:
    """Return the nodes of a YAML document, with their positions. Aliases and tags are refused,
    so that a file cannot grow when it is read. Raise UsageError."""
    import yaml

    if len(text) > MAX_TEXT or len(text.encode(errors="replace")) > MAX_TEXT:
        raise UsageError(f"{_prefix(source)}longer than {MAX_TEXT // 1024} KiB")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader), source)
        node: yaml.Node | None = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark and "nesting depth" in (error.problem or ""):
            # libyaml scans ahead: a limit of its own may be met before ours.
            with contextlib.suppress(yaml.YAMLError):
                _check_events(yaml.parse(text[: mark.index], Loader=yaml.SafeLoader), source)
        _refuse(source, mark, f"not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, UnicodeError) as error:
        raise UsageError(f"{_prefix(source)}not YAML: {_line(str(error))}") from None
    return node


def _check_events(events: Any, source: str) -> None:
    import yaml

    depth = documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                _refuse(source, event.start_mark, "a second document begins here; expected one")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                _refuse(source, event.start_mark, f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            _refuse(source, event.start_mark, "anchors and aliases (& and *) are not supported")
        if getattr(event, "tag", None):
            _refuse(source, event.start_mark, "tags (!) are not supported")


def _refuse(source: str, mark: Any, what: str) -> NoReturn:
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    raise UsageError(_line(f"{_prefix(source)}{where}{what}")) from None


def plain_node(node: yaml.Node, source: str = "") -> Any:
    """Return the data of a node. Raise UsageError for duplicate keys."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return str(node.value) if node.style else scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [plain_node(item, source) for item in node.value]
    out: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            _refuse(source, key.start_mark, "expected a name before the colon")
        if key.value in out:
            _refuse(source, key.start_mark, f"{shown(key.value)} appears twice")
        out[key.value] = plain_node(value, source)
    return out


def scalar(text: str) -> None | bool | int | str:
    """Return the value of an unquoted word: null, a boolean or an integer; everything else,
    such as 14.2, 10:30, 1e3, 010 and dates, is text."""
    if text in _NULL:
        return None
    if text.lower() in _BOOL and text in (text.lower(), text.capitalize(), text.upper()):
        return _BOOL[text.lower()]
    return int(text) if re.fullmatch(_INT, text) else text
