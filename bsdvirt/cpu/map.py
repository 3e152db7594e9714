"""The drawing of `cpu map`: the host's CPUs as boxes, with the load and the guests of each. Pure.

Packages, NUMA domains and caches are boxes in each other. The most detailed form of a core that
fits is chosen: names of guests, letters for them, or one column for a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from bsdvirt.cpu.blocks import Block, Line, Segment, beside, framed
from bsdvirt.cpu.cells import UTF8, Cells, Glyphs
from bsdvirt.rows.cpu import CpuMap
from bsdvirt.spec.types import CpuList

Cpus = tuple[int, ...]
NARROWEST = 24
"""Least width of a CPU with the names of its guests."""
MOST_WIDTH = 56
LETTERS_SHOWN = 3
HEIGHT = 48
"""Lines that a map should fit in."""


class Node(Struct, dict=True):
    """CPUs that share something, as a box: groups with the same CPUs are one."""

    cpus: Cpus
    titles: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    cores: list[Cpus] = field(default_factory=list)
    """Cores in no child."""


def tree(shown: CpuMap) -> Node:
    """Return the boxes in each other; the outermost is the host."""
    host = shown.host
    groups: list[tuple[str, Cpus]] = []
    groups += [(f"package {one.number}", tuple(one.cpus)) for one in host.packages]
    if len(host.domains) > 1:
        groups += [(f"domain {one.number}", tuple(one.cpus)) for one in host.domains if one.cpus]
    groups += [(f"L{one.level}", tuple(one.cpus)) for one in host.caches]
    root = Node(tuple(host.cpus))
    for title, cpus in sorted(groups, key=lambda group: (-len(group[1]), group[1])):
        _insert(root, title, cpus)
    for core in host.cores:
        _home(root, tuple(core.cpus)).cores.append(tuple(core.cpus))
    return root


def _insert(node: Node, title: str, cpus: Cpus) -> None:
    if set(cpus) == set(node.cpus):
        node.titles.append(title)
        return
    for child in node.children:
        if set(cpus) <= set(child.cpus):
            _insert(child, title, cpus)
            return
    # A group that only overlaps another has no box: no kernel prints such a tree.
    if not any(set(cpus) & set(child.cpus) for child in node.children):
        node.children.append(Node(cpus, [title]))


def _home(node: Node, core: Cpus) -> Node:
    for child in node.children:
        if set(core) <= set(child.cpus):
            return _home(child, core)
    return node


class _Form:
    """One way to draw the cores of a box; boxes are the same in all."""

    least: int
    """Least width of a core."""
    most: int
    gap = 1
    label = 0
    """Width of what stands before each line of cores."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._known: dict[tuple[Cpus, int], tuple[int, int]] = {}

    def core(self, core: Cpus, width: int) -> Block:
        raise NotImplementedError

    def core_height(self, core: Cpus) -> int:
        raise NotImplementedError

    # ---- boxes ----

    def needs(self, node: Node) -> int:
        """Return the least width of a box."""
        own = self.least + self.label if node.cores else 0
        return (2 if node.titles else 0) + max([own, *map(self.needs, node.children)])

    def height(self, node: Node, width: int) -> int:
        """Return the number of lines of a box."""
        return self._plan(node, width)[0]

    def _plan(self, node: Node, width: int) -> tuple[int, int]:
        """Return the height of a box, and into how many columns its children are put."""
        key = (node.cpus, width)
        if key not in self._known:
            inner = width - 2 if node.titles else width
            tries = [(self._children(node, inner, n), n) for n in self._columns(node, inner)]
            best = min(tries, default=(0, 1))
            self._known[key] = (
                (2 if node.titles else 0) + self._cores_height(node, inner) + best[0],
                best[1],
            )
        return self._known[key]

    def _columns(self, node: Node, inner: int) -> Iterator[int]:
        needed = max(map(self.needs, node.children), default=0)
        for columns in range(1, len(node.children) + 1):
            if columns == 1 or _share(inner, columns, 1) >= needed:
                yield columns

    def _children(self, node: Node, inner: int, columns: int) -> int:
        width = _share(inner, columns, 1)
        heights = [self.height(child, width) for child in node.children]
        return sum(max(heights[at : at + columns]) for at in range(0, len(heights), columns))

    def _across(self, inner: int) -> int:
        """Return how many cores stand beside each other."""
        return max(1, (inner - self.label + self.gap) // (self.least + self.gap))

    def _cores_height(self, node: Node, inner: int) -> int:
        across = self._across(inner)
        heights = [self.core_height(core) for core in node.cores]
        return sum(max(heights[at : at + across]) for at in range(0, len(heights), across))

    def node(self, node: Node, width: int) -> Block:
        """Return a box of that width."""
        inner = width - 2 if node.titles else width
        lines = self.cores(node, inner)
        columns = self._plan(node, width)[1]
        share = _share(inner, columns, 1)
        for at in range(0, len(node.children), columns):
            some = node.children[at : at + columns]
            lines += beside([self.node(child, share) for child in some], [share] * len(some))
        if not node.titles:
            return lines
        return framed(lines, self._title(node, inner), width, self.cells.glyphs.frame)

    def _title(self, node: Node, inner: int) -> str:
        numbers = str(CpuList.of(list(node.cpus)))
        word = "CPU" if len(node.cpus) == 1 else "CPUs"
        short = " ".join(_short(title) for title in node.titles)
        whole = self.cells.glyphs.between.join([*node.titles, f"{word} {numbers}"])
        # A number that is cut off would be another one.
        fits = (text for text in (whole, f"{short} {numbers}") if len(text) + 3 <= inner)
        return next(fits, short)

    def cores(self, node: Node, inner: int) -> Block:
        """Return the cores of a box, from left to right."""
        if not node.cores:
            return []
        across = min(self._across(inner), len(node.cores))
        width = min(self.most, _share(inner, across, self.gap))
        lines: Block = []
        for at in range(0, len(node.cores), across):
            some = node.cores[at : at + across]
            blocks = [self.core(core, width) for core in some]
            lines += beside(blocks, [width] * len(some), self.gap)
        return lines


def _share(width: int, columns: int, gap: int) -> int:
    return (width - gap * (columns - 1)) // columns


def _short(title: str) -> str:
    """Return p0 for package 0, d1 for domain 1; L3 as it is."""
    word, _, number = title.partition(" ")
    return word[0] + number if number else word


class _Names(_Form):
    """A line for each CPU, with the names of its guests; threads of a core in a box."""

    def __init__(self, cells: Cells) -> None:
        super().__init__(cells)
        self.least, self.most = NARROWEST, MOST_WIDTH

    def core_height(self, core: Cpus) -> int:
        # A core without a second thread needs no box of its own.
        return len(core) + 2 if len(core) > 1 else 1

    def core(self, core: Cpus, width: int) -> Block:
        if len(core) == 1:
            return [self._cpu(cpu, width) for cpu in core]
        number = self.cells.rows[core[0]].core
        lines = [self._cpu(cpu, width - 2) for cpu in core]
        return framed(lines, f"core {number}", width, self.cells.glyphs.frame)

    def _cpu(self, cpu: int, width: int) -> Line:
        cells = self.cells
        space = Segment(" ", "", cpu)
        head = (space, cells.number(cpu), space, cells.load(cpu), cells.percent(cpu), space)
        used = sum(len(segment.text) for segment in head)
        return (*head, *cells.names(cpu, width - used))


class _Letters(_Form):
    """A core in one line, each CPU with its load and the letters of its guests."""

    gap = 2

    def __init__(self, cells: Cells) -> None:
        super().__init__(cells)
        threads = cells.shown.host.threads
        self.least = self.most = threads * (cells.digits + 1 + LETTERS_SHOWN) + threads - 1

    def core_height(self, core: Cpus) -> int:
        return 1

    def core(self, core: Cpus, width: int) -> Block:
        cells = self.cells
        line: list[Segment] = []
        for cpu in core:
            if line:
                line.append(Segment(" "))
            line += [cells.number(cpu), cells.load(cpu), *cells.marks(cpu, LETTERS_SHOWN)]
        return [tuple(line)]


class _Columns(_Form):
    """A column for each CPU: its load, and beneath it the letter of its guest."""

    def __init__(self, cells: Cells) -> None:
        super().__init__(cells)
        self.least = self.most = cells.shown.host.threads
        # The number of its first CPU.
        self.label = cells.digits + 1

    def core_height(self, core: Cpus) -> int:
        return 2

    def core(self, core: Cpus, width: int) -> Block:
        loads = tuple(self.cells.load(cpu) for cpu in core)
        marks = tuple(mark for cpu in core for mark in self.cells.marks(cpu, 1))
        return [loads, marks]

    def cores(self, node: Node, inner: int) -> Block:
        lines: Block = []
        across = self._across(inner)
        for at in range(0, len(node.cores), across):
            some = node.cores[at : at + across]
            blocks = [self.core(core, self.least) for core in some]
            loads, marks = beside(blocks, [self.least] * len(some), self.gap)
            first = self.cells.number(some[0][0])
            blank = Segment(" " * self.label)
            lines += [(first, Segment(" "), *loads), (blank, *marks)]
        return lines


def draw(shown: CpuMap, width: int, *, height: int = HEIGHT, glyphs: Glyphs = UTF8) -> Block:
    """Return the lines of the map, in the most detailed form that fits."""
    cells, root = Cells(shown, glyphs), tree(shown)
    forms = [_Names(cells), _Letters(cells), _Columns(cells)]
    fits = (f for f in forms if f.needs(root) <= width and f.height(root, width) <= height)
    return next(fits, forms[-1]).node(root, width)
