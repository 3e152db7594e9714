"""The table of properties, and the JSON Schema of the files.

The schema is not built by msgspec.json.schema, which cannot encode the defaults of our own
types (TypeError: Encoding objects of type Size is unsupported, msgspec 0.22).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec.inspect as mi

from bsdvirt.rows.base import Row, col
from bsdvirt.spec.base import Live, Spec
from bsdvirt.spec.fields import (
    Field,
    bare,
    fields_of,
    item_of,
    plain,
    struct_of,
    without_article,
    words_of,
)
from bsdvirt.spec.hostfile import HostFile, PoolFile
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.images import ImageProfile
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.sizes import VmSize
from bsdvirt.spec.vm import Vm

Which = Literal["jail", "vm", "network", "host", "pool", "image", "size"]
ROOTS: dict[Which, type[Spec]] = {
    "jail": Jail, "vm": Vm, "network": Network, "host": HostFile, "pool": PoolFile,
    "image": ImageProfile, "size": VmSize,
}  # fmt: skip
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class PropertyInfo(Row, frozen=True, kw_only=True):
    """A property, as `bsdvirt properties` lists it."""

    name: Annotated[
        str,
        col("Dotted name; N stands for a number, as in nics.N.address, NAME for a name."),
    ]
    kinds: Annotated[tuple[str, ...], col("Files that have it, such as jail, vm or network.")]
    type: Annotated[str, col("Type in words, such as size or integer 72..65535.")]
    default: Annotated[Any, col("Default; null if it is not set by default.")]
    required: Annotated[bool, col("Whether it must be set.")]
    unit: Annotated[str, col("Unit of a number.")]
    live: Annotated[Live, col("When a change takes effect.")]
    becomes: Annotated[str, col("Jail parameter, bhyve key, rctl resource or ZFS property.")]
    help: Annotated[str, col("Description.")]


def properties(which: Which | None = None) -> list[PropertyInfo]:
    """Return every property that can be set, in the order of the declarations."""
    found: list[PropertyInfo] = []
    for kind, cls in ROOTS.items():
        if which in (None, kind):
            found += _walk(cls, "", (kind,))
            if kind in ("jail", "vm"):
                found += _walk(Boot, "boot.", (kind,))
    return found


def _walk(cls: type[Spec], prefix: str, kinds: tuple[str, ...]) -> Iterator[PropertyInfo]:
    for field in fields_of(cls).values():
        inner = struct_of(field.type)
        items = struct_of(item_of(field.type))
        if inner is not None:
            yield from _walk(inner, f"{prefix}{field.name}.", kinds)
        elif items is not None:
            part = "NAME" if "name" in fields_of(items) else "N"
            yield from _walk(items, f"{prefix}{field.name}.{part}.", kinds)
        elif field.live is not None:
            yield PropertyInfo(
                name=prefix + field.name,
                kinds=kinds,
                type=without_article(words_of(field.type)),
                default=plain(field.default),
                required=field.required,
                unit=field.unit,
                live=field.live,
                becomes=", ".join(one.words for one in field.becomes if kinds[0] in one.kinds),
                help=field.help,
            )


def json_schema(which: Which) -> dict[str, Any]:
    """Return the JSON Schema 2020-12 of a file."""
    return {"$schema": DIALECT, "title": f"bsdvirt {which}", **_struct_schema(ROOTS[which])}


def _struct_schema(cls: type[Spec]) -> dict[str, Any]:
    fields = fields_of(cls)
    config = cls.__struct_config__
    kind = {config.tag_field: {"const": config.tag}} if config.tag_field else {}
    out: dict[str, Any] = {
        "type": "object",
        "properties": kind | {name: _field_schema(field) for name, field in fields.items()},
        "additionalProperties": False,
    }
    required = [name for name, field in fields.items() if field.required]
    return out | ({"required": required} if required else {})


def _field_schema(field: Field) -> dict[str, Any]:
    out = _type_schema(field.type)
    if field.optional:
        out = {"anyOf": [out, {"type": "null"}]}
    if field.help:
        out["description"] = f"{field.help} Unit: {field.unit}." if field.unit else field.help
    if not field.required:
        out["default"] = plain(field.default)
    return out


def _type_schema(kind: mi.Type) -> dict[str, Any]:
    kind = bare(kind)
    if isinstance(kind, mi.CustomType):
        schema: dict[str, Any] = kind.cls.schema()  # type: ignore[attr-defined]
        return dict(schema)
    if isinstance(kind, mi.ListType):
        items = {"type": "array", "items": _type_schema(kind.item_type)}
        return items | _given(maxItems=kind.max_length)
    if isinstance(kind, mi.IntType):
        return {"type": "integer"} | _given(minimum=kind.ge, maximum=kind.le)
    if isinstance(kind, mi.StrType):
        return {"type": "string"} | _given(maxLength=kind.max_length, pattern=kind.pattern)
    if isinstance(kind, mi.LiteralType):
        return {"enum": list(kind.values)}
    if isinstance(kind, mi.BoolType):
        return {"type": "boolean"}
    inner = struct_of(kind)
    assert inner is not None, kind
    return _struct_schema(inner)


def _given(**limits: Any) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit is not None}
