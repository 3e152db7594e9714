"""Every property of a guest: its value, whether that is the default, when a change takes hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from msgspec import UNSET
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import Static

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.base import plain
from bsdvirt.spec.base import Live
from bsdvirt.spec.fields import field_at
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.schema import ROOTS, PropertyInfo, Which, properties
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.tab import TableTab
from bsdvirt.tui.views.entries import Entry, column
from bsdvirt.tui.widgets.table import LiveTable

HOLDS = {
    Live.NOW: "at once", Live.REBOOT: "next reboot", Live.START: "next start", Live.NEVER: "fixed",
}  # fmt: skip
"""When a change takes hold, for the table."""


class ConfigTab(TableTab):
    name_ = "config"
    title = "Config"
    kinds = frozenset({"jail", "vm"})
    DEFAULT_CSS = "ConfigTab #help { height: 3; }"
    columns = (
        column("name", "PROPERTY", 20, grows=1),
        column("value", "VALUE", 16, grows=2),
        column("set", "", 7, rank=3),
        column("holds", "TAKES HOLD", 11, rank=2),
        column("unit", "UNIT", 5, rank=4),
    )

    def compose(self) -> ComposeResult:
        yield self.table
        yield Static("", id="help", markup=False)

    async def load(self, guest: Subject) -> None:
        info = await self.info(guest)
        boot = {key: value for key, value in plain(info.boot).items() if value is not UNSET}
        self.show(rows(guest, {**info.config, "boot": boot}))

    @on(LiveTable.Moved)
    def _show_help(self) -> None:
        row = self.table.cursor
        self.query_one("#help", Static).update(Text("") if row is None else self._help(row))

    def _help(self, row: Entry) -> Text:
        styles = desk_of(self).palette
        text = Text(" ", styles["text"])
        text.append(row.values.get("help", ""), styles["text"])
        type_, default = row.values.get("type", ""), row.values.get("default")
        text.append(f" {type_}; default: {_text(default)}", styles["dim"])
        return text


def has_form(kind: str, path: str) -> bool:
    """Return whether the forms have a field for a property of a guest."""
    root, name = (Boot, path.removeprefix("boot.")) if path.startswith("boot.") else (
        ROOTS[cast(Which, kind)], path
    )  # fmt: skip
    field = field_at(root, name.split("."))
    return field is not None and field.name == name.rpartition(".")[2]


def rows(guest: Subject, config: Mapping[str, Any]) -> list[Entry]:
    """Return a row for each property; those of lists, for each of their elements."""
    found: list[Entry] = []
    for info in properties(cast(Which, guest.kind)):
        for path, value, given in _places(info.name.split("."), config, ""):
            found.append(_row(guest, path, value, given, info))
    return found


def _places(parts: list[str], value: Any, path: str) -> Iterator[tuple[str, Any, bool]]:
    """Yield where a property is set, or could be: its path, its value, whether it is set."""
    part, *rest = parts
    if part in ("N", "NAME"):
        for number, item in enumerate(value if isinstance(value, list) else ()):
            name = str(item.get("name", number)) if isinstance(item, dict) else str(number)
            yield from _places(rest, item, f"{path}.{name if part == 'NAME' else number}")
        return
    here = f"{path}.{part}" if path else part
    inner = value.get(part, UNSET) if isinstance(value, dict) else UNSET
    if rest:
        yield from _places(rest, None if inner is UNSET else inner, here)
    else:
        yield here, inner, inner is not UNSET


def _row(guest: Subject, path: str, value: Any, given: bool, info: PropertyInfo) -> Entry:
    shown = value if given else info.default
    same = given and shown == info.default
    state = "set" if given and not same else "default"
    cells = {
        "name": path, "value": _text(shown), "set": state, "holds": HOLDS[Live(info.live)],
        "unit": info.unit,
    }  # fmt: skip
    values = {
        "help": info.help, "type": info.type, "default": info.default
    }  # fmt: skip
    quiet = "" if state == "set" else "dim"
    subject = Subject(guest.host, "property", path, state, guest.row, guest.name)
    styles = {"value": "accent" if state == "set" else "dim", "set": quiet, "holds": quiet}
    return Entry((guest.host, path), subject, cells, values=values, styles=styles)


def _text(value: Any) -> str:
    """Return a value as `set` takes it, on one line."""
    match value:
        case None | "" | [] | {}:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return shown_line(", ".join(_text(one) for one in value))
        case dict():
            return shown_line(", ".join(f"{key}={_text(one)}" for key, one in value.items()))
        case _:
            return shown_line(str(value))
