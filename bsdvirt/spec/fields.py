"""Introspection of the declarations: the fields of a struct, with what prop() declares of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
import msgspec.inspect as mi

from bsdvirt.spec.base import FORMS, MOST, Live, Names, Spec, did_you_mean
from bsdvirt.spec.becomes import Becomes
from bsdvirt.spec.params import JailParams
from bsdvirt.spec.types import Size

BecomesT = TypeVar("BecomesT", bound=Becomes)


class Field(msgspec.Struct, frozen=True):
    """A field: its type without None, and its declaration."""

    name: str
    type: mi.Type
    optional: bool
    """Whether None is a valid value."""
    required: bool
    default: Any
    help: str
    unit: str
    live: Live | None
    """None if the field is not a property."""
    becomes: tuple[Becomes, ...]
    names: Names | None = None
    """What its value names."""
    secret: bool = False
    """Whether it is not to be shown, and never a word of a command."""


@cache
def fields_of(cls: type[Spec]) -> dict[str, Field]:
    """Return the fields of a struct by name, in the order of their declaration: those of its
    `head`, those of its base, its own."""
    info = info_of(cls)
    above = cls.__base__
    base = fields_of(above) if above is not None and above is not Spec else {}
    fields = {field.name: _field(field, base.get(field.name)) for field in info.fields}
    return {name: fields[name] for name in sorted(fields, key=lambda name: name not in cls.head)}


_infos: dict[type, mi.StructType] = {}


def info_of(cls: type[Spec]) -> mi.StructType:
    """Return what msgspec finds out of a struct. It is asked once for its bases and the structs in
    it, which takes as long as for one of them."""
    if cls not in _infos:
        bases = [one for one in cls.__mro__ if issubclass(one, Spec) and one is not Spec]
        for info in mi.multi_type_info(bases):
            _keep(info)
    return _infos[cls]


def _keep(kind: mi.Type) -> None:
    """Keep what is known of the structs in a type."""
    if isinstance(kind, mi.StructType):
        if kind.cls not in _infos:
            _infos[kind.cls] = kind
            for field in kind.fields:
                _keep(field.type)
    elif isinstance(kind, mi.Metadata):
        _keep(kind.type)
    elif isinstance(kind, mi.UnionType):
        for one in kind.types:
            _keep(one)
    elif isinstance(kind, mi.ListType):
        _keep(kind.item_type)


def _field(field: mi.Field, base: Field | None) -> Field:
    said: dict[str, Any] = {}
    bare = _bare(field.type, said)
    optional = isinstance(bare, mi.UnionType)
    if isinstance(bare, mi.UnionType):
        (bare,) = (_bare(one, said) for one in bare.types if not isinstance(one, mi.NoneType))
    factory = field.default_factory
    default = field.default if factory is msgspec.NODEFAULT else factory()
    live = Live.START if "live" in said else None
    return Field(
        name=field.name,
        type=bare,
        optional=optional,
        required=field.required,
        default=None if field.required else default,
        help=said.get("description") or (base.help if base else ""),
        unit=said.get("unit") or (base.unit if base else ""),
        live=said.get("live") or (base.live if base else live),
        becomes=said.get("becomes") or (base.becomes if base else ()),
        names=said.get("names") or (base.names if base else None),
        secret=said.get("secret", False) or (base is not None and base.secret),
    )


def _bare(kind: mi.Type, said: dict[str, Any]) -> mi.Type:
    """Return the type inside Annotated; add what prop() declares to `said`."""
    while isinstance(kind, mi.Metadata):
        said.update(kind.extra_json_schema or {})
        said.update(kind.extra or {})
        kind = kind.type
    return kind


def bare(kind: mi.Type) -> mi.Type:
    """Return the type inside Annotated."""
    return _bare(kind, {})


def item_of(kind: mi.Type) -> mi.Type | None:
    """Return the type of the items of a list; None if it is not a list."""
    return bare(kind.item_type) if isinstance(kind, mi.ListType) else None


def struct_of(kind: mi.Type | None) -> type[Spec] | None:
    """Return the struct of a type; None if it is not a struct."""
    if isinstance(kind, mi.StructType) and issubclass(kind.cls, Spec):
        return kind.cls
    return None


def words_of(kind: mi.Type | None) -> str:
    """Return the type in words: `integer 72..65535`, `host | own | keep`, `list of size`."""
    if isinstance(kind, mi.Metadata):
        return words_of(bare(kind))
    if isinstance(kind, mi.CustomType):
        return str(getattr(kind.cls, "words", kind.cls.__name__))
    if isinstance(kind, mi.LiteralType):
        return " | ".join(str(value) for value in kind.values)
    if isinstance(kind, mi.ListType):
        most = f", at most {kind.max_length}" if kind.max_length else ""
        return f"list of {without_article(words_of(kind.item_type))}{most}"
    if isinstance(kind, mi.IntType):
        return f"integer{_range(kind.ge, kind.le)}"
    if isinstance(kind, mi.StrType):
        return FORMS.get(kind.pattern or "", "text")
    return "true | false" if isinstance(kind, mi.BoolType) else "mapping"


def without_article(words: str) -> str:
    """Return `host name` for `a host name`."""
    return words.removeprefix("an ").removeprefix("a ")


def _range(low: int | None, high: int | None) -> str:
    if low is None:
        return ""
    return f", at least {low}" if high is None or high == MOST else f" {low}..{high}"


def field_at(cls: type[Spec], parts: list[str]) -> Field | None:
    """Return the field at a dotted path, or the innermost field on the way that exists."""
    found: Field | None = None
    for part in parts:
        if part.isdigit():
            continue
        fields = fields_of(cls)
        if part not in fields:
            break
        found = fields[part]
        inner = struct_of(item_of(found.type) or found.type)
        if inner is None:
            break
        cls = inner
    return found


def type_at(cls: type[Spec], parts: list[str]) -> mi.Type | None:
    """Return the type at a dotted path; None if there is none."""
    field = field_at(cls, parts)
    if field is None:
        return None
    return item_of(field.type) if parts[-1].isdigit() else field.type


def struct_at(cls: type[Spec], parts: list[str]) -> type[Spec]:
    """Return the struct at a dotted path, or the innermost one around it."""
    for part in parts:
        field = fields_of(cls).get(part)
        cls = (struct_of(item_of(field.type) or field.type) if field else None) or cls
    return cls


def unknown_hint(cls: type[Spec], name: str) -> str:
    """Return a hint for a name that is not a field of this struct."""
    return did_you_mean(name, fields_of(cls), "the properties are")


def plain(value: Any, *, defaults: bool = False) -> Any:
    """Return a struct as mappings, lists, numbers and strings, in the order of its declaration.
    Defaults are omitted unless `defaults` is true. `kind` comes first."""
    if isinstance(value, Spec):
        return _plain_struct(value, defaults)
    if isinstance(value, list | tuple):
        return [plain(item, defaults=defaults) for item in value]
    if isinstance(value, JailParams):
        return dict(value)
    if isinstance(value, str | Size):
        return str(value)
    return value


def _plain_struct(struct: Spec, defaults: bool) -> dict[str, Any]:
    config = struct.__struct_config__
    out: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
    for name, field in fields_of(type(struct)).items():
        value = getattr(struct, name)
        if defaults or field.required or value != field.default:
            out[name] = plain(value, defaults=defaults)
    return out


def only(struct: Spec, live: Live) -> dict[str, Any]:
    """Return the properties of a struct, and of the structs in it, with this `live`."""
    out: dict[str, Any] = {}
    for name, field in fields_of(type(struct)).items():
        value = getattr(struct, name)
        if isinstance(value, Spec):
            value = only(value, live)
        elif struct_of(item_of(field.type)):
            value = [found for item in value if (found := only(item, live))]
        elif field.live == live:
            out[name] = value
            continue
        else:
            continue
        if value:
            out[name] = value
    return out


def becoming(struct: Spec, kind: type[BecomesT]) -> Iterator[tuple[BecomesT, Any]]:
    """Yield what the properties of a struct, and of the structs in it, become of one type, each
    with its value. What a module of its own writes (`by`) is left out."""
    for name, field in fields_of(type(struct)).items():
        value = getattr(struct, name)
        if isinstance(value, Spec):
            yield from becoming(value, kind)
        for one in field.becomes:
            if isinstance(one, kind) and not one.by:
                yield one, getattr(struct, one.of) if one.of else value


def written(struct: Spec, kind: type[Becomes]) -> dict[str, str]:
    """Return the names and values of what a struct becomes of one type: see `becoming`."""
    texts = ((one.name, one.text(value)) for one, value in becoming(struct, kind))
    return {name: text for name, text in texts if text is not None}


def convert_hook(kind: type, value: object) -> object:
    """Convert to our own types by their parse(); msgspec calls it."""
    if isinstance(value, kind) and not isinstance(value, Mapping):
        return value
    return kind.parse(value)  # type: ignore[attr-defined]
