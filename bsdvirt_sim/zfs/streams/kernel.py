"""What the kernel does of zfs receive: its checks, the data, the state of what is not whole
(dmu_recv.c)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Partial, Snapshot, is_inconsistent
from bsdvirt_sim.zfs import keys, trees, volumes
from bsdvirt_sim.zfs.datasets import add, pool_of
from bsdvirt_sim.zfs.destroy import drop_snapshot, remove_dataset
from bsdvirt_sim.zfs.properties import View, find_snapshot
from bsdvirt_sim.zfs.snapshots import objects
from bsdvirt_sim.zfs.space import pieces
from bsdvirt_sim.zfs.streams.build import build
from bsdvirt_sim.zfs.streams.format import Begin, Damaged, Meta, More, Reader, Truncated, Writer


class Refused(Exception):  # noqa: N818
    """The kernel's error, by its name in errno.h, or TRUNCATED."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Props:
    """The properties of a dataset that is received: those of the stream (None where it has none),
    those of -o, and those of -x."""

    received: Mapping[str, str] | None
    given: Mapping[str, str]
    excluded: frozenset[str]


@dataclass
class Request:
    """A snapshot to receive into a file system."""

    begin: Begin
    more: More
    snapshot: str
    origin: str
    force: bool
    resumable: bool
    props: Props

    @property
    def name(self) -> str:
        return self.snapshot.partition("@")[0]

    @property
    def short(self) -> str:
        return self.snapshot.partition("@")[2]


def receive(run: Run, request: Request, reader: Reader) -> None:
    """Receive a snapshot. Raises Refused."""
    try:
        request.more = reader.more(More | None) or More()
    except Truncated:
        raise Refused("TRUNCATED") from None
    except Damaged:
        raise Refused("ECKSUM") from None
    if run.state.pools[pool_of(request.name)].readonly:
        raise Refused("EROFS")
    if request.begin.is_resuming:
        dataset = _check_resume(run, request)
        base = _base_of(run, dataset, request)
    else:
        base = _check(run, request)
        existing = run.dataset(request.name)
        dataset = existing if existing is not None else _create(run, request)
    existed = not is_inconsistent(dataset)
    try:
        spool = _spool(run, request, dataset, reader)
        if existed:
            _drop_later(run, request, dataset, base)
    except Refused:
        _save(run, request, dataset)
        raise
    dataset.partial = None
    with spool.open("rb") as stream:
        build(run, request.snapshot, dataset, stream, base)
    spool.unlink()
    _set(run, request, dataset)


def forget(run: Run, dataset: Dataset) -> None:
    """Remove the state of an interrupted receive."""
    dataset.partial = None
    _place(run, dataset).unlink(missing_ok=True)


def _place(run: Run, dataset: Dataset) -> Path:
    return trees.store(run, f"received-{dataset.guid}")


# ---- the checks ----


def _check(run: Run, request: Request) -> tuple[Dataset, Snapshot] | None:
    """Check a stream from its beginning, and return what it begins at."""
    dataset = run.dataset(request.name)
    raw = request.begin.is_raw
    nearest = request.name if dataset is not None else request.name.rpartition("/")[0]
    if not raw and keys.locked(run.state, nearest):
        raise Refused("EACCES")
    if dataset is None:
        if not request.origin:
            return None
        origin = find_snapshot(run.state, request.origin)
        assert origin is not None
        return run.state.datasets[request.origin.partition("@")[0]], origin
    if dataset.partial is not None:
        raise Refused("EBUSY")
    if any(snap.name == request.short for snap in dataset.snaps):
        raise Refused("EEXIST")
    if not request.begin.fromguid:
        if not request.force:
            raise Refused("EEXIST")
        if dataset.kind != request.begin.kind:
            raise run.unknown("a stream of another kind over a dataset is not simulated")
        return None
    base = _base_of(run, dataset, request)
    if base is None:
        raise Refused("ENODEV")
    if not request.force and is_modified(run, request.name, dataset, base[1]):
        raise Refused("ETXTBSY")
    return base


def _base_of(run: Run, dataset: Dataset, request: Request) -> tuple[Dataset, Snapshot] | None:
    """Return the snapshot that an incremental stream begins at."""
    if not request.begin.fromguid:
        return None
    for snap in dataset.snaps:
        if snap.guid == request.begin.fromguid:
            return dataset, snap
    origin = find_snapshot(run.state, dataset.origin)
    if is_inconsistent(dataset) and origin is not None:
        return run.state.datasets[dataset.origin.partition("@")[0]], origin
    return None


def _check_resume(run: Run, request: Request) -> Dataset:
    dataset = run.dataset(request.name)
    if dataset is None:
        raise Refused("ENOENT")
    partial = dataset.partial
    if (
        partial is None
        or partial.toguid != request.begin.toguid
        or partial.records != request.more.resume
    ):
        raise Refused("EINVAL")
    return dataset


def is_modified(run: Run, name: str, dataset: Dataset, snap: Snapshot) -> bool:
    """Whether a dataset was changed since a snapshot."""
    if dataset.kind == "volume":
        now = dict(pieces(volumes.data(run, name)).keys())
        return now != objects.pieces_listed(run, dataset, snap.name)
    now_files = objects.of_dataset(run, dataset)
    then = objects.listed(run, dataset, snap.name)
    return {p: _identity(one) for p, one in now_files.items()} != {
        p: _identity(one) for p, one in then.items()
    }


def _identity(one: objects.Object) -> tuple[int, int, int, int]:
    # Of a directory, mounts and unmounts change the time.
    return (one.number, one.mode, one.names, 0 if one.is_directory else one.changed)


def _drop_later(
    run: Run, request: Request, dataset: Dataset, base: tuple[Dataset, Snapshot] | None
) -> None:
    """Destroy what is later than where the stream begins, for -F."""
    if not request.force:
        return
    later = [snap for snap in dataset.snaps if base is None or snap.txg > base[1].txg]
    for snap in later:
        if snap.holds:
            raise Refused("EBUSY")
        if View(run).clones(f"{request.name}@{snap.name}"):
            raise Refused("EEXIST")
    for snap in later:
        drop_snapshot(run, f"{request.name}@{snap.name}", snap)


# ---- the data ----


def _create(run: Run, request: Request) -> Dataset:
    begin = request.begin
    props = dict(request.more.encryption)
    if begin.kind == "volume":
        props["volsize"] = "0"
    dataset = add(run, request.name, props, begin.kind, 0)
    dataset.origin = request.origin
    dataset.partial = Partial(begin.toname, begin.toguid, begin.fromguid, 0, 0, True)
    return dataset


def _spool(run: Run, request: Request, dataset: Dataset, reader: Reader) -> Path:
    """Store the records of the stream behind those that are there already. Raises Refused, with
    what was received in the dataset's state."""
    place, begin = _place(run, dataset), request.begin
    if not begin.is_resuming:
        old = dataset.partial
        place.unlink(missing_ok=True)
        dataset.partial = Partial(
            begin.toname, begin.toguid, begin.fromguid, -1, 0, bool(old and old.fresh),
            list(begin.features),
        )  # fmt: skip
    partial = dataset.partial
    assert partial is not None
    room = View(run).space.available(request.name) - partial.moved
    with place.open("ab") as stream:
        writer = Writer(stream, _sum_of(place))
        try:
            first = reader.next()
            meta: Meta = first.read(Meta)
            if not begin.is_resuming:
                writer.begin(begin, request.more if begin.is_raw else None)
                writer.copy(first)
                partial.records = 0
            # What is counted of a dataset can be more than its files.
            too_large = partial.fresh and not begin.fromguid and meta.refer > room
            for record in reader.until_end():
                if partial.moved + len(record.payload) > room:
                    raise Refused("ENOSPC")
                writer.copy(record)
                partial.records += 1
                partial.moved += len(record.payload)
            if too_large:
                raise Refused("ENOSPC")
            writer.end()
        except Truncated:
            raise Refused("TRUNCATED") from None
        except Damaged:
            raise Refused("ECKSUM") from None
    return place


def _sum_of(place: Path) -> int:
    """Return the sum of the records that are stored."""
    with place.open("rb") as stream:
        reader = Reader(stream)
        try:
            reader.first()
            reader.more(More | None)
            while True:
                reader.next()
        except Truncated:
            return reader.sum


def _save(run: Run, request: Request, dataset: Dataset) -> None:
    """Keep the state of a receive that was interrupted, or remove what it left."""
    partial = dataset.partial
    assert partial is not None
    if request.resumable and partial.records >= 0:
        dataset.refer = max(dataset.refer, partial.moved) if partial.fresh else dataset.refer
    elif partial.fresh:
        remove_dataset(run, request.name)
    else:
        forget(run, dataset)


# ---- the properties ----


def _set(run: Run, request: Request, dataset: Dataset) -> None:
    props = request.props
    if props.received is not None:
        old = dataset.received
        in_effect = {p for p, value in old.items() if dataset.props.get(p) == value}
        for prop in in_effect:
            del dataset.props[prop]
        for prop, value in props.received.items():
            if prop not in props.excluded:
                dataset.props.setdefault(prop, value)
        dataset.received = dict(props.received)
    for prop in props.excluded:
        if dataset.received.get(prop) == dataset.props.get(prop):
            dataset.props.pop(prop, None)
    dataset.props.update(props.given)
    if dataset.kind == "volume" and View(run).get(request.name, "volmode")[0] == "none":
        volumes.set_mode(run, request.name, "none")
