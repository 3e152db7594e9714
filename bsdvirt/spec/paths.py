"""Properties by dotted path, as in `bsdvirt get` and `bsdvirt set`: nics.0.address.

Elements of a list have their number as name, or their `name` if they have one, as in
disks.disk0.bus; a new name appends an element. Text is converted by the type of the property,
and the whole struct is validated afterwards. A parameter of jail(8) can be given by its own
name: allow.raw_sockets is params.allow.raw_sockets.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, NoReturn

import msgspec.inspect as mi

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec, did_you_mean, shown
from bsdvirt.spec.digits import natural
from bsdvirt.spec.fields import (
    bare,
    field_at,
    fields_of,
    info_of,
    item_of,
    plain,
    struct_of,
    words_of,
)
from bsdvirt.spec.load import SpecT, decode, parse_value, scalar
from bsdvirt.spec.params import PARAMS, RESERVED, JailParams, known, without_no

_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+)*", re.ASCII)
NAME = "name"
"""The field with the name of an element of a list."""
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


def split_assignments(words: Iterable[str]) -> list[tuple[str, str]]:
    """Split words such as `limits.pcpu=50` into path and text. Raise UsageError."""
    found: dict[str, str] = {}
    for word in words:
        path, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{shown(word)} sets no property", "write it as property=value")
        if _PATH.fullmatch(path) is None:
            raise UsageError(f"{shown(path)} is not the name of a property")
        if path in found:
            raise UsageError(f"{path} is given twice")
        found[path] = text
    return list(found.items())


def get_path(struct: Spec, path: str) -> Any:
    """Return the value at a path: a scalar, a list or a struct; None for a jail(8) parameter
    that is not set. Raise UsageError."""
    value: Any = struct
    parts = _parts(type(struct), path)
    for number, part in enumerate(parts):
        if isinstance(value, JailParams):
            value = _parameter(value, part, path)
        elif isinstance(value, Spec) and part in fields_of(type(value)):
            value = getattr(value, part)
        elif isinstance(value, list) and _index(part) < len(value):
            value = value[_index(part)]
        elif isinstance(value, list) and (named := _named(value, part)) is not None:
            value = value[named]
        elif value is None and field_at(type(struct), parts) is not None:
            # A group that is not set, such as a virtual machine's cloud.
            return None
        else:
            _no_such(value, parts, number)
    return value


def set_paths(
    struct: SpecT,
    assignments: Iterable[tuple[str, str]],
    given: Mapping[str, Any] | None = None,
    source: str = "",
) -> SpecT:
    """Return a copy with these properties set, validated as a whole at the end. `given` are
    properties as plain data, set before the others; `source` is named in errors.

    An empty text, or `null`, resets a property to its default, or removes an element of a list.
    The number after the last appends an element. Lists are separated by commas, or are in
    brackets as in YAML; a list of commands, which may contain commas, is one command or in
    brackets. Raise UsageError, naming the path.
    """
    return made(type(struct), plain(struct, defaults=True) | dict(given or {}), assignments, source)


def made(
    cls: type[SpecT],
    data: Mapping[str, Any],
    assignments: Iterable[tuple[str, str]],
    source: str = "",
) -> SpecT:
    """Return the struct of plain data with these properties set, as by set_paths."""
    whole = deepcopy(dict(data))
    removed: list[tuple[list[Any], int]] = []
    for path, text in assignments:
        _assign(cls, whole, _parts(cls, path), text, removed)
    for items, number in sorted(removed, key=lambda one: -one[1]):
        del items[number]
    return decode(cls, whole, source)


def _parts(cls: type[Spec], path: str) -> list[str]:
    """Return the parts of a path. The name of a jail(8) parameter is one part, below `params`."""
    if _PATH.fullmatch(path) is None:
        raise UsageError(f"{shown(path)} is not the name of a property")
    head, dot, rest = path.partition(".")
    fields = fields_of(cls)
    if "params" in fields and head == "params":
        return [head, rest] if dot else [head]
    if "params" in fields and head not in fields:
        names = PARAMS.keys() | RESERVED.keys()
        if head in {name.partition(".")[0] for name in names} or without_no(path) in names:
            return ["params", path]
    return path.split(".")


def _assign(
    cls: type[Spec], data: dict[str, Any], parts: list[str], text: str, removed: list[Any]
) -> None:
    """Set the value at a path."""
    holder: Any = data
    kind: mi.Type = info_of(cls)
    last, end, path = parts[-1], len(parts) - 1, ".".join(parts)
    for number in range(end):
        holder, kind = _step(holder, kind, parts, number)
    if _is_params(kind):
        holder.pop(last, None)
        if not _clears(text):
            holder[last] = text.strip() if known(last) else scalar(text.strip())
    elif isinstance(holder, list):
        before = len(holder)
        element, item = _step(holder, kind, parts, end)
        if _clears(text) and len(holder) > before:
            holder.pop()
            _no_such(holder, parts, end)
        number = _index(last) if last.isdecimal() else holder.index(element)
        if _clears(text):
            removed.append((holder, number))
        else:
            holder[number] = _convert(item, text, path)
    else:
        inner = _field_kind(kind, parts, end)
        holder.pop(last, None)
        if not _clears(text):
            holder[last] = _convert(inner, text, path)


def _step(holder: Any, kind: mi.Type, parts: list[str], number: int) -> tuple[Any, mi.Type]:
    """Descend by one part: into a property, or an element, which may be a new one."""
    part = parts[number]
    item = item_of(kind)
    if item is None:
        inner = _field_kind(kind, parts, number)
        empty: Any = [] if isinstance(inner, mi.ListType) else {}
        if struct_of(inner) is None and item_of(inner) is None and not _is_params(inner):
            path = ".".join(parts[: number + 1])
            raise UsageError(f"{path}: it has no properties", f"it is {words_of(inner)}")
        if holder.get(part) is None:
            holder[part] = empty
        return holder[part], inner
    if not part.isdecimal() and _has_name(item):
        number_of = _named(holder, part)
        if number_of is None:
            holder.append({NAME: part})
            number_of = len(holder) - 1
        return holder[number_of], item
    if not part.isdecimal() or _index(part) > len(holder):
        path = ".".join(parts[: number + 1])
        hint = f"the next new one is {'.'.join(parts[:number])}.{len(holder)}"
        raise UsageError(f"{path}: no such element", hint)
    if _index(part) == len(holder):
        holder.append({} if struct_of(item) else None)
    return holder[_index(part)], item


def _index(part: str) -> int:
    """Return the index in a part of a path; for anything else, an index that no list has."""
    number = natural(part)
    return sys.maxsize if number is None else number


def _has_name(item: mi.Type) -> bool:
    cls = struct_of(item)
    return cls is not None and NAME in fields_of(cls)


def _named(items: list[Any], name: str) -> int | None:
    """Return the index of the element of that name."""
    for number, item in enumerate(items):
        if _name_of(item) == name:
            return number
    return None


def _name_of(item: Any) -> str:
    """Return the name of an element, a struct or plain data; empty if it has none."""
    return str((item.get(NAME) if isinstance(item, dict) else getattr(item, NAME, "")) or "")


def _field_kind(kind: mi.Type, parts: list[str], number: int) -> mi.Type:
    cls = struct_of(kind)
    fields = fields_of(cls) if cls else {}
    if cls is None or parts[number] not in fields:
        _no_such(cls, parts, number)
    return fields[parts[number]].type


def _is_params(kind: mi.Type) -> bool:
    return isinstance(kind, mi.CustomType) and kind.cls is JailParams


def _clears(text: str) -> bool:
    return text.strip() in ("", "null")


def _convert(kind: mi.Type, text: str, path: str) -> Any:
    """Return text as plain data for decode(), by its type. Raise UsageError."""
    kind, text = bare(kind), text.strip()
    if struct_of(kind):
        if not text.startswith("{"):
            hint = f"as {path}.{next(iter(fields_of(struct_of(kind) or Spec)))}"
            raise UsageError(f"{path}: a group: set one of its properties", hint)
        return parse_value(text)
    item = item_of(kind)
    if item is not None:
        if text.startswith("["):
            return parse_value(text)
        split = not isinstance(item, mi.StrType)
        return [_convert(item, one, path) for one in (text.split(",") if split else [text])]
    if isinstance(kind, mi.BoolType) and text.lower() in _YES | _NO:
        return text.lower() in _YES
    if isinstance(kind, mi.IntType) and re.fullmatch(r"[-+]?\d{1,30}", text, re.ASCII):
        return int(text)
    if isinstance(kind, mi.BoolType | mi.IntType):
        raise UsageError(f"{path}: expected {words_of(kind)}, got {shown(text)}")
    return text


def _parameter(params: JailParams, name: str, path: str) -> Any:
    if name not in params and known(name) is None:
        hint = RESERVED.get(name) or did_you_mean(name, PARAMS)
        raise UsageError(f"{path}: no such jail(8) parameter", hint)
    return params.get(name)


def _no_such(value: Any, parts: list[str], number: int) -> NoReturn:
    """Raise UsageError for a part that does not exist in `value`."""
    path, name = ".".join(parts[: number + 1]), parts[number]
    if isinstance(value, list):
        hint = f"the elements are 0 to {len(value) - 1}" if value else "the list is empty"
        names = [_name_of(one) for one in value]
        if any(names):
            hint = f"available: {', '.join(names)}"
        raise UsageError(f"{path}: no such element", hint)
    cls = value if isinstance(value, type) else type(value)
    if not issubclass(cls, Spec):
        raise UsageError(f"{path}: no such property")
    fields = fields_of(cls)
    names = [*fields, *PARAMS] if number == 0 and "params" in fields else list(fields)
    wanted = ".".join(parts) if number == 0 and len(parts) > 1 else name
    hint = RESERVED.get(path, "") if "exec" in parts[:1] else ""
    hint = hint or did_you_mean(wanted, names) or did_you_mean(name, fields, "the properties are")
    hint = hint or "all properties: bsdvirt properties"
    raise UsageError(f"{path}: no such property", hint)
