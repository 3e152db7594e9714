"""A live table whose rows open to show the rows that belong to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Protocol, TypeVar

from textual.binding import Binding, BindingType

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.widgets.columns import Column
from bsdvirt.tui.widgets.table import Key, LiveTable


class Node(Protocol):
    """A row of a tree."""

    @property
    def key(self) -> Key: ...

    @property
    def parent(self) -> Key | None:
        """The key of the row that it belongs to."""


N = TypeVar("N", bound=Node)


class TreeTable(LiveTable[N]):
    """Rows under the rows that they belong to; sorted among those of the same. The first column
    shows the tree. While there is a filter, a row that matches is shown with those above it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "open", show=False),
        Binding("left", "close", show=False),
    ]
    calm = 0.0
    """A row belongs where its parent is: all are sorted each time."""

    def __init__(
        self, columns: Sequence[Column[N]], *, sort: str = "", empty: str = "nothing here"
    ) -> None:
        self._opened: set[Key] = set()
        self._parents: set[Key] = set()
        first, *others = columns
        tree = replace(
            first, text=lambda row: self._prefix(row) + first.text(row),
            sort=first.sort or first.text,
        )  # fmt: skip
        super().__init__((tree, *others), sort=sort or first.id, empty=empty)

    def _prefix(self, row: N) -> str:
        glyphs = desk_of(self).glyphs
        indent = "  " * sum(1 for _ in self._above(row.key))
        if row.key not in self._parents:
            return f"{indent}  "
        return f"{indent}{glyphs.opened if self._is_open(row.key) else glyphs.closed} "

    @property
    def total(self) -> int:
        """Return the number of rows; without a filter, of those that are not closed away."""
        return len(self._order) if self._wanted is None else len(self._rows)

    def _is_open(self, key: Key) -> bool:
        return key in self._opened or self._wanted is not None

    def _above(self, key: Key) -> Iterator[Key]:
        """Yield the rows that a row belongs to, the nearest first."""
        row = self._rows.get(key)
        while row is not None and row.parent is not None and row.parent in self._rows:
            yield row.parent
            row = self._rows.get(row.parent)

    def _sorted(self, keys: Sequence[Key]) -> list[Key]:
        self._parents = {row.parent for row in self._rows.values() if row.parent is not None}
        shown = set(keys)
        if self._wanted is not None:
            shown |= {above for key in keys for above in self._above(key)}
        below: dict[Key | None, list[Key]] = {}
        for key in self._rows:
            if key in shown:
                below.setdefault(next(self._above(key), None), []).append(key)
        return list(self._walk(below, None))

    def _walk(self, below: dict[Key | None, list[Key]], parent: Key | None) -> Iterable[Key]:
        for key in super()._sorted(below.get(parent, ())):
            yield key
            if self._is_open(key):
                yield from self._walk(below, key)

    def open(self, *keys: Key) -> None:
        """Show the rows that belong to these."""
        self._opened.update(keys)
        self._arrange()
        self.refresh()

    def close(self, key: Key) -> None:
        """Hide the rows that belong to one."""
        self._opened.discard(key)
        self._arrange()
        self.refresh()

    def toggle(self, key: Key) -> None:
        (self.close if key in self._opened else self.open)(key)

    def action_open(self) -> None:
        """Open the row under the cursor; if it is open, go to the first row in it."""
        key = self.cursor_key
        if key is None or key not in self._parents:
            return
        if self._is_open(key):
            self.action_move(1)
        else:
            self.open(key)

    def action_close(self) -> None:
        """Close the row under the cursor; of one that is not open, go to the row it belongs to."""
        key = self.cursor_key
        if key is None:
            return
        if key in self._opened:
            self.close(key)
        elif (above := next(self._above(key), None)) is not None:
            self.go_to(above)
