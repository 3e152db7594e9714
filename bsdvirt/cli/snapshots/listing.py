"""bsdvirt snapshot ls"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from bsdvirt.cli.common import add_listing, chosen
from bsdvirt.cli.output import print_json, print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.streams import tell
from bsdvirt.errors import EXIT_FAILED, EXIT_OK, BsdvirtError
from bsdvirt.host.sanitize import shown_line
from bsdvirt.ops.snapshots.listing import Filter, listing, rows
from bsdvirt.ops.snapshots.tree import tree
from bsdvirt.rows.base import plain
from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.snapshot import SnapshotNode, SnapshotRow
from bsdvirt.session.session import Session
from bsdvirt.spec.snapshot import Why

COLUMNS = ("guest", "name", "created", "used", "by", "why", "holds", "tags", "clones", "note")


class Options(Globals):
    words: list[str]
    tree: bool
    reclaim: bool
    ours: bool
    held: bool
    why: str
    all: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="GUEST[@NAME]",
        help="names, patterns, state:running, kind:jail, tag:web; after @, a name or a pattern",
    )  # fmt: skip
    parser.add_argument("--tree", action="store_true", help="show what is a clone of what")
    parser.add_argument(
        "--reclaim", action="store_true",
        help="show what the removal of each would free, which takes a command for each",
    )  # fmt: skip
    parser.add_argument("--ours", action="store_true", help="only those taken by bsdvirt")
    parser.add_argument("--held", action="store_true", help="only those that are held")
    parser.add_argument("--why", choices=get_args(Why), default="", help="only those taken for it")
    parser.add_argument(
        "--all", action="store_true", help="also all snapshots of single datasets, however many"
    )
    add_listing(parser)


def run(session: Session, options: Options) -> int:
    """Print the snapshots that are wanted."""
    patterns = _wanted(session, options.words)
    if options.tree:
        return _tree(session, options, list(patterns))
    found = session.inventory()
    wanted = Filter(patterns, options.ours, options.held, options.why, options.all)
    guests = [found.guest(name) for name in patterns]
    listed = listing(session, guests, wanted)
    every = [one for name in patterns for one in listed.snapshots.get(name, ())]
    made = rows(session, every, listed.every, sizes=options.reclaim)
    print_rows(made, _columns(options), options)
    for name, number in listed.left_out.items():
        say(f"{name}: note: {number} more snapshots of single datasets; --all lists them")
    return _report(listed.errors)


def _columns(options: Options) -> Sequence[str]:
    if not options.reclaim:
        return COLUMNS
    place = COLUMNS.index("used") + 1
    return (*COLUMNS[:place], "frees", *COLUMNS[place:])


def _wanted(session: Session, words: Sequence[str]) -> dict[str, list[str]]:
    """Return the guests that are meant, each with the patterns of names; none for all."""
    if not words:
        return {name: [] for name in chosen(session, [], every=True)}
    found: dict[str, list[str]] = {}
    plain_words = [word for word in words if "@" not in word]
    for name in chosen(session, plain_words, every=False) if plain_words else ():
        found[name] = []
    for word in words:
        guest, at, pattern = word.partition("@")
        for name in chosen(session, [guest], every=False) if at else ():
            if name not in found or found[name]:
                found.setdefault(name, []).append(pattern or "*")
    return dict(sorted(found.items()))


def _report(errors: Mapping[str, BsdvirtError]) -> int:
    for name, error in errors.items():
        tell(error, error.exit_code, name)
    return EXIT_FAILED if errors else EXIT_OK


# ---- --tree ----


def _tree(session: Session, options: Options, names: Sequence[str]) -> int:
    trees, errors = tree(session, names, sizes=options.reclaim)
    if options.json:
        print_json(plain(trees))
    else:
        for line in _lines(trees):
            print(shown_line(line))
    return _report(errors)


def _lines(nodes: Sequence[SnapshotNode], indent: str = "") -> Iterator[str]:
    for node in nodes:
        yield f"{indent}{node.name}{_remark(node)}"
        yield from _lines(node.children, indent + "  ")


def _remark(node: SnapshotNode) -> str:
    if node.snapshot is not None:
        return f"  {_of_snapshot(node.snapshot)}"
    origins = f", a clone of {', '.join(node.origins)}" if node.origins else ""
    return f"  {node.kind}{origins}"


def _of_snapshot(row: SnapshotRow) -> str:
    words = [row.created, row.why or "of another tool"]
    if isinstance(row.frees, int):
        words.append(f"frees {human_size(row.frees)}")
    if row.holds:
        words.append(f"held: {', '.join(row.tags) or row.holds}")
    if row.note:
        words.append(row.note)
    return ", ".join(words)
