"""How a row is declared: its fields, each with one sentence of help and its unit.

JSON output, tables, -H columns and the JSON Schema that `bsdvirt schema` prints are all
made from these declarations. A field that is UNSET is not printed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET

from bsdvirt.rows.sizes import BYTES as BYTES
from bsdvirt.rows.sizes import PERCENT as PERCENT
from bsdvirt.rows.sizes import RATE as RATE
from bsdvirt.rows.sizes import SECONDS as SECONDS

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""How rows, files and logs have a time, which is in UTC."""


def utc(seconds: float | None = None) -> str:
    """Return a time, by default the present one, as rows, files and logs have it."""
    return time.strftime(TIME, time.gmtime(seconds))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything that a verb prints."""


def col(help: str, *, unit: str = "", units: dict[str, str] | None = None) -> msgspec.Meta:
    """Declare a field. `unit` is the number's; `units` are those of a mapping's numbers, by key."""
    schema: dict[str, Any] | None = {"x-unit": unit} if unit else None
    extra: dict[str, Any] = {"unit": unit, "units": units or {}}
    return msgspec.Meta(description=help, extra_json_schema=schema, extra=extra)


def old_name(of: str) -> msgspec.Meta:
    """Declare a field that JSON keeps under its old name; people do not see it."""
    schema = {"deprecated": True}
    extra: dict[str, Any] = {"unit": "", "units": {}, "old": True}
    return msgspec.Meta(
        description=f"Deprecated name of `{of}`.", extra_json_schema=schema, extra=extra
    )


@cache
def declared(cls: type[Row]) -> dict[str, msgspec.Meta]:
    """Return the declarations of a row's fields, by field name."""
    hints = get_type_hints(cls, include_extras=True)
    return {
        name: meta
        for name in cls.__struct_fields__
        for meta in getattr(hints[name], "__metadata__", ())
        if isinstance(meta, msgspec.Meta)
    }


def unit_of(cls: type[Row], field: str) -> str:
    """Return the unit of a field; empty if it has none."""
    meta = declared(cls).get(field)
    return str(meta.extra["unit"]) if meta and meta.extra else ""


def units_of(cls: type[Row], field: str) -> dict[str, str]:
    """Return the units of a mapping's numbers, by key."""
    meta = declared(cls).get(field)
    return dict(meta.extra["units"]) if meta and meta.extra else {}


def is_old(cls: type[Row], field: str) -> bool:
    """Whether a field is only an old name of another."""
    meta = declared(cls).get(field)
    return bool(meta and meta.extra and meta.extra.get("old"))


def items(row: Row) -> Iterator[tuple[str, str, Any]]:
    """Yield each field that is set: its name, its key in JSON, its value."""
    cls = type(row)
    for name, key in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        value = getattr(row, name)
        if value is not UNSET:
            yield name, key, value


def plain(value: Any) -> Any:
    """Return a row, or a list of rows, as the plain data that JSON is made from."""
    return msgspec.to_builtins(value, enc_hook=_base)


def _base(value: Any) -> Any:
    """Return the text or the number that a property's own type, such as Size, is."""
    return int(value) if isinstance(value, int) else str(value)
