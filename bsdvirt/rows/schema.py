"""JSON Schema of what the verbs print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bsdvirt.rows.base import Row


@dataclass(frozen=True, slots=True)
class Output:
    """What a verb prints with --json: one of these rows, or a list of them."""

    rows: tuple[type[Row] | type[str], ...]
    many: bool = True


def output_schema(title: str, output: Output) -> dict[str, Any]:
    """Return the JSON Schema of a verb's output, with the help and the unit of each field."""
    found, parts = msgspec.json.schema_components(output.rows, ref_template="#/$defs/{name}")
    row: dict[str, Any] = found[0] if len(found) == 1 else {"anyOf": list(found)}
    whole = {"type": "array", "items": row} if output.many else row
    return {"title": title, **whole, "$defs": parts}
