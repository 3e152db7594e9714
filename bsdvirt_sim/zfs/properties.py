"""Properties of simulated datasets: allowed values, inheritance, output."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Bookmark, Dataset, Host, Snapshot
from bsdvirt_sim.zfs import keys
from bsdvirt_sim.zfs.space import Space
from bsdvirt_sim.zfs.token import token_of

_ON_OFF = "on | off"
SIZES = {
    "quota",
    "refquota",
    "reservation",
    "refreservation",
    "volsize",
    "volblocksize",
    "recordsize",
}
_WORDS = {
    "aclinherit": "discard | noallow | restricted | passthrough | passthrough-x",
    "aclmode": "discard | groupmask | passthrough | restricted",
    "atime": _ON_OFF,
    "canmount": "on | off | noauto",
    "compression": "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19]"
    " | zstd-fast | zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]",
    "devices": _ON_OFF,
    "exec": _ON_OFF,
    "jailed": _ON_OFF,
    "logbias": "latency | throughput",
    "primarycache": "all | none | metadata",
    "readonly": _ON_OFF,
    "relatime": _ON_OFF,
    "setuid": _ON_OFF,
    "sharenfs": _ON_OFF,
    "sharesmb": _ON_OFF,
    "snapdev": "hidden | visible",
    "snapdir": "hidden | visible",
    "sync": "standard | always | disabled",
    "volmode": "default | full | geom | dev | none",
}
_DEFAULTS = {
    "aclinherit": "restricted", "aclmode": "discard", "atime": "on", "canmount": "on",
    "compression": "off", "devices": "on", "exec": "on", "jailed": "off", "logbias": "latency",
    "primarycache": "all", "readonly": "off", "relatime": "off", "setuid": "on",
    "snapdev": "hidden", "snapdir": "hidden", "sync": "standard", "volmode": "default",
    "sharenfs": "off", "sharesmb": "off",
    "quota": "0", "refquota": "0", "reservation": "0", "refreservation": "0",
    "recordsize": "131072", "volblocksize": "8192", "encryption": "off",
}  # fmt: skip
NOT_INHERITED = {
    "canmount",
    "quota",
    "refquota",
    "reservation",
    "refreservation",
    "volsize",
    "volblocksize",
}
_VOLUME_ONLY = {"volsize", "volblocksize", "volmode", "snapdev"}
_FILESYSTEM_ONLY = {
    "quota", "refquota", "recordsize", "mountpoint", "canmount", "atime", "devices", "exec",
    "setuid", "jailed", "sharenfs", "sharesmb", "snapdir", "aclmode", "aclinherit", "relatime",
    "mounted",
}  # fmt: skip
_NOT_OF_SNAPSHOTS = {
    "atime", "avail", "available", "canmount", "compression", "encryptionroot", "jailed",
    "keystatus", "mounted", "mountpoint", "origin", "quota", "readonly",
    "receive_resume_token", "reservation", "usedbysnapshots",
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTPEZ]?)B?", re.IGNORECASE)
USER_LIMIT = 8192


def applies(name: str, volume: bool) -> bool:
    """Whether a property is one of volumes, or of file systems."""
    if ":" in name:
        return True
    return not (
        (name in _VOLUME_ONLY - {"volmode"} and not volume) or (name in _FILESYSTEM_ONLY and volume)
    )


class BadValue(Exception):  # noqa: N818
    """libzfs refuses the property, with this message."""


def check(run: Run, name: str, value: str, volume: bool) -> str:
    """Return the value as it is stored. Raises BadValue as libzfs refuses it."""
    if ":" in name:
        if len(value) >= USER_LIMIT:
            raise BadValue("property value too long")
        # Bytes that are not UTF-8, as RealHost reads them; the state is JSON.
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not applies(name, volume):
        raise BadValue(f"'{name}' does not apply to datasets of this type")
    if name in SIZES:
        number = size(value)
        most = run.release.largest_record
        if name == "recordsize" and (not 512 <= number <= size(most) or number & (number - 1)):
            raise BadValue(f"'{name}' must be power of 2 from 512B to {most}")
        return str(number)
    if name == "encryption":
        if value != "on":
            raise run.unknown(f"encryption={value} is not simulated")
        return "aes-256-gcm"
    if name in ("keyformat", "keylocation"):
        return value
    if name == "mountpoint":
        if value not in ("none", "legacy") and not value.startswith("/"):
            raise BadValue(f"'{name}' must be an absolute path, 'none', or 'legacy'")
        return value
    if name not in _WORDS:
        raise run.unknown(f"property {name} is not simulated")
    words = _WORDS[name]
    plain = words.split(" | ")
    if value not in plain and not re.fullmatch(r"gzip-[1-9]|zstd-1?\d", value):
        raise BadValue(f"'{name}' must be one of '{words}'")
    return value


def size(text: str) -> int:
    """Return the bytes of a number with a unit. Raises BadValue."""
    if text == "none":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadValue(f"bad numeric value '{text}'")
    scale = 1024 ** (" KMGTPEZ".index(match[2].upper()) if match[2] else 0)
    return int(float(match[1]) * scale) if "." in match[1] else int(match[1]) * scale


class View:
    """Values of properties, for one command."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state = run.state
        self._space: Space | None = None
        self._clones: dict[str, list[str]] | None = None

    @property
    def space(self) -> Space:
        if self._space is None:
            self._space = Space(self.run)
        return self._space

    def clones(self, snapshot: str) -> list[str]:
        """Return the clones of a snapshot, sorted."""
        if self._clones is None:
            self._clones = {}
            for name, dataset in sorted(self.state.datasets.items()):
                if dataset.origin:
                    self._clones.setdefault(dataset.origin, []).append(name)
        return self._clones.get(snapshot, [])

    def lineage(self, name: str) -> Iterable[tuple[str, Dataset]]:
        """Return the dataset and its parents, nearest first."""
        while name:
            yield name, self.state.datasets[name]
            name = name.rpartition("/")[0]

    def mountpoint(self, name: str) -> tuple[str, str]:
        """Return the mountpoint property's value and source."""
        for holder, dataset in self.lineage(name):
            value = dataset.props.get("mountpoint")
            if value is None:
                continue
            source = self._own(holder, "mountpoint")
            source = source if holder == name else f"inherited from {holder}"
            if value in ("none", "legacy"):
                return value, source
            return value.rstrip("/") + name[len(holder) :] or "/", source
        return f"/{name}", "default"

    def _own(self, name: str, prop: str) -> str:
        """Return the source of a dataset's own value."""
        dataset = self.state.datasets[name]
        return _source(dataset.props, dataset.received, prop)

    def get(self, name: str, prop: str) -> tuple[str, str]:
        """Return value and source of a property of a dataset or snapshot, as `-p` shows them."""
        if "@" in name:
            return self._of_snapshot(name, prop)
        if "#" in name:
            return self._of_bookmark(name, prop)
        dataset = self.state.datasets[name]
        volume = dataset.kind == "volume"
        if ":" in prop:
            return self.inherited(name, prop, "-")
        if (prop in _FILESYSTEM_ONLY and volume) or (
            prop in _VOLUME_ONLY - {"volmode", "snapdev"} and not volume
        ):
            return "-", "-"
        if prop == "mountpoint":
            return self.mountpoint(name)
        plain = self._plain(name, dataset, prop)
        if plain is not None:
            return plain, "-"
        if prop in _DEFAULTS or prop == "volsize":
            default = self.run.release.zfs_defaults.get(prop, _DEFAULTS.get(prop, ""))
            if prop in NOT_INHERITED:
                own = dataset.props.get(prop)
                given = own is not None and (prop, own) != ("volblocksize", default)
                return (own or "", self._own(name, prop)) if given else (default, "default")
            return self.inherited(name, prop, default)
        raise self.run.unknown(f"property {prop} is not simulated")

    def inherited(self, name: str, prop: str, default: str) -> tuple[str, str]:
        for holder, dataset in self.lineage(name):
            value = dataset.props.get(prop)
            if value is not None:
                own = self._own(name, prop)
                return value, own if holder == name else f"inherited from {holder}"
        return default, "-" if default == "-" else "default"

    def _plain(self, name: str, dataset: Dataset, prop: str) -> str | None:
        match prop:
            case "name":
                return name
            case "type":
                return dataset.kind
            case "used":
                return str(self.space.used[name])
            case "avail" | "available":
                return str(self.space.available(name))
            case "refer" | "referenced":
                return str(dataset.refer)
            case "usedbydataset":
                return str(self.space.own[name])
            case "usedbysnapshots" | "usedsnap":
                return str(self.space.snapshots[name])
            case "usedbyrefreservation":
                return str(self.space.reserved[name])
            case "usedbychildren":
                space = self.space
                mine = space.own[name] + space.snapshots[name] + space.reserved[name]
                return str(space.used[name] - mine)
            case "written":
                return str(self.space.written(name))
            case str() if prop.startswith("written@"):
                snap = find_snapshot(self.state, f"{name}@{prop.partition('@')[2]}")
                return "-" if snap is None else str(self.space.written(name, snap))
            case "logicalused":
                return str(self.space.used[name])
            case "logicalreferenced":
                return str(dataset.refer)
            case "compressratio":
                return "1.00"
            case "origin":
                return dataset.origin or "-"
            case "mounted":
                return "yes" if dataset.mounted else "no"
            case "creation":
                return str(dataset.created)
            case "guid" | "objsetid":
                return str(dataset.guid)
            case "createtxg":
                return str(dataset.txg)
            case "receive_resume_token":
                return token_of(dataset.partial) if dataset.partial else "-"
            case "keystatus":
                return keys.status(self.state, name)
            case "encryptionroot":
                return keys.key_root(self.state, name) or "-"
            case "clones" | "userrefs" | "defer_destroy":
                return "-"
        return None

    def _of_snapshot(self, name: str, prop: str) -> tuple[str, str]:
        parent, _, _ = name.partition("@")
        snapshot = find_snapshot(self.state, name)
        assert snapshot is not None
        if ":" in prop:
            own = snapshot.props.get(prop)
            if own is not None:
                return own, _source(snapshot.props, snapshot.received, prop)
            return self._from_parent(parent, prop)
        if prop == "used":
            return str(self.space.of_range(parent, [snapshot])), "-"
        if prop == "written":
            return str(self.space.written_before(parent, snapshot)), "-"
        values = {
            "name": name,
            "type": "snapshot",
            "refer": str(snapshot.refer),
            "referenced": str(snapshot.refer),
            "logicalreferenced": str(snapshot.refer),
            "creation": str(snapshot.created),
            "guid": str(snapshot.guid),
            "createtxg": str(snapshot.txg),
            "userrefs": str(len(snapshot.holds)),
            "defer_destroy": "on" if snapshot.deferred else "off",
            "clones": ",".join(self.clones(name)) or "-",
            "volsize": str(snapshot.volsize) if snapshot.volsize else "-",
        }
        if prop in values:
            return values[prop], "-"
        if prop in _NOT_OF_SNAPSHOTS:
            return "-", "-"
        raise self.run.unknown(f"property {prop} of a snapshot is not simulated")

    def _of_bookmark(self, name: str, prop: str) -> tuple[str, str]:
        bookmark = find_bookmark(self.state, name)
        assert bookmark is not None
        values = {
            "name": name,
            "type": "bookmark",
            "refer": str(bookmark.refer),
            "referenced": str(bookmark.refer),
            "creation": str(bookmark.created),
            "guid": str(bookmark.guid),
            "createtxg": str(bookmark.txg),
        }
        return values.get(prop, "-"), "-"

    def _from_parent(self, parent: str, prop: str) -> tuple[str, str]:
        value, source = self.inherited(parent, prop, "-")
        return value, f"inherited from {parent}" if source in ("local", "received") else source

    def received(self, name: str, prop: str) -> str:
        """Return the value that came with `zfs receive`."""
        held = find_snapshot(self.state, name) if "@" in name else self.state.datasets.get(name)
        return held.received.get(prop, "-") if held is not None else "-"


def _source(props: dict[str, str], received: dict[str, str], prop: str) -> str:
    """Return the source of an own value."""
    known = props.get(prop)
    return "received" if known is not None and received.get(prop) == known else "local"


def find_snapshot(state: Host, name: str) -> Snapshot | None:
    """Find a snapshot by its full name."""
    parent, _, short = name.partition("@")
    dataset = state.datasets.get(parent)
    if dataset is None:
        return None
    return next((snap for snap in dataset.snaps if snap.name == short), None)


def find_bookmark(state: Host, name: str) -> Bookmark | None:
    """Find a bookmark by its full name."""
    parent, _, short = name.partition("#")
    dataset = state.datasets.get(parent)
    if dataset is None:
        return None
    return next((mark for mark in dataset.bookmarks if mark.name == short), None)
