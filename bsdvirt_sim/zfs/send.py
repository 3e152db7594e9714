"""zfs send and zfs receive, of one snapshot in full."""

from __future__ import annotations

import time

from bsdvirt_sim.context import Run, Stream, options
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.datasets import add, guid
from bsdvirt_sim.zfs.mount import share_mount
from bsdvirt_sim.zfs.properties import SIZES, BadValue, View, check, find_snapshot

OVERHEAD = 624
"""Bytes of the smallest stream."""


def _size(snapshot: Snapshot) -> int:
    return snapshot.refer + OVERHEAD


def send(run: Run, words: list[str]) -> int:
    """Run `zfs send`: print the estimate with -n, or else pass the snapshot to `zfs receive`."""
    flags, rest = options(run, words, "nvpPRw")
    if len(rest) != 1 or "@" not in rest[0]:
        raise run.unknown()
    if flags.keys() & {"R", "w"} and not (run.wide and "n" in flags):
        raise run.unknown("replication and raw streams are not simulated")
    dry = "n" in flags
    run.reads() if dry else run.changes()
    if not dry and not run.piped:
        raise run.unknown("a stream goes into a pipe")
    name = rest[0]
    parent, _, short = name.partition("@")
    dataset = run.dataset(parent)
    snapshot = find_snapshot(run.state, name)
    if dataset is None or snapshot is None:
        raise run.fail(f"cannot open '{name}': dataset does not exist")
    if ("v" in flags or dry) and "P" not in flags:
        raise run.unknown("a size for people is not simulated")
    if "P" in flags:
        tell = run.print if dry else run.warn
        # The parts in the order of the captured host: parents before children.
        names = [parent]
        if "R" in flags:
            names += sorted(n for n in run.state.datasets if n.startswith(parent + "/"))
        sizes = {
            n: _size(found) for n in names if (found := find_snapshot(run.state, f"{n}@{short}"))
        }
        for part, size in sizes.items():
            tell(f"full\t{part}@{short}\t{size}")
        tell(f"size\t{sum(sizes.values())}")
    if not dry:
        if "v" in flags:
            _progress(run, name, _size(snapshot))
        run.stream = Stream(dataset, snapshot, dict(dataset.props) if "p" in flags else {})
    return 0


def _progress(run: Run, name: str, size: int) -> None:
    """Print a line each second, as for a stream of four seconds."""
    start = time.time()
    for part in range(1, 5):
        clock = time.strftime("%H:%M:%S", time.localtime(start + part))
        run.warn(f"{clock}\t{size * part // 4}\t{name}")


def receive(run: Run, words: list[str]) -> int:
    """Run `zfs receive` of the stream that the command before it in the pipe sent."""
    run.changes()
    flags, rest = options(run, words, "u", "o")
    if len(rest) != 1 or "@" in rest[0]:
        raise run.unknown()
    name = rest[0]
    stream = run.stream
    if stream is None:
        # The sender failed: the receiver's input was empty.
        raise run.fail("cannot receive: failed to read from stream")
    action = "cannot receive new filesystem stream"
    if name in run.state.datasets:
        raise run.fail(f"{action}: destination '{name}' exists\nmust specify -F to overwrite it")
    parent = name.rpartition("/")[0]
    if not parent:
        raise run.unknown("a stream into a pool's root")
    pool = run.state.pools.get(name.split("/")[0])
    if parent not in run.state.datasets or pool is None:
        raise run.unknown("what receive says without a parent was never shown")
    if pool.readonly:
        raise run.fail(f"{action}: pool is read-only")
    if View(run).space.available(parent) < stream.snapshot.refer:
        raise run.fail(f"{action}: out of space")
    _take(run, name, stream, flags.get("o", []))
    return 0 if "u" in flags else share_mount(run, name, explicit=False)


def _take(run: Run, name: str, stream: Stream, pairs: list[str]) -> None:
    kind = stream.dataset.kind
    props: dict[str, str] = {}
    for pair in pairs:
        prop, _, value = pair.partition("=")
        try:
            props[prop] = check(run, prop, value, kind == "volume")
        except BadValue as error:
            raise run.fail(f"cannot receive: {error}") from None
    # Received properties are in effect where no other value was given.
    came = {name: value for name, value in stream.props.items() if name not in SIZES}
    props = came | props
    source = stream.snapshot
    if kind == "volume":
        props["volsize"] = str(source.volsize)
        if block := stream.dataset.props.get("volblocksize"):
            props["volblocksize"] = block
    dataset: Dataset = add(run, name, props, kind, source.refer)
    dataset.received = came
    dataset.snaps.append(
        Snapshot(
            source.name, guid(), source.created, run.serial(), source.refer, {}, source.volsize
        )
    )
    if kind == "filesystem":
        place = trees.kept(run, stream.dataset, source)
        trees.copy(place, trees.store(run, dataset.guid))
        trees.copy(place, trees.kept(run, dataset, dataset.snaps[0]))
    else:
        volumes.restore(run, name, source.guid)
        volumes.keep(run, name, dataset.snaps[0].guid)
