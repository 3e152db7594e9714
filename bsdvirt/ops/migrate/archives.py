"""What a file is, by its contents: an archive of a jail, an appliance, or a disk image."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.host import tools
from bsdvirt.jail.root import Origin
from bsdvirt.library import files, formats, headers
from bsdvirt.library.foreign import appjail, bastille, cbsd, iocage, members, ova, streams
from bsdvirt.library.foreign.found import Draft, Found, Part, shown, usable
from bsdvirt.library.plans.images import Source, Within
from bsdvirt.ops.migrate.seen import Seen
from bsdvirt.session.session import Session
from bsdvirt.spec.types import Size
from bsdvirt.spec.vm import FIRST_DISK, MIB

LOOK_SECONDS = 3600.0
CHUNK = 1 << 20
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}", re.ASCII)
"""A directory in an archive that can be named in a pattern of tar(1) as it is."""
FREEBSD, LINUX = "bin/freebsd-version", "etc/os-release"
TOPS = frozenset({
    ".", "COPYRIGHT", "bin", "boot", "conf", "dev", "etc", "init", "jail", "lib", "libexec",
    "media", "mnt", "net", "proc", "rescue", "root", "sbin", "sys", "tmp", "usr", "var",
})  # fmt: skip
"""What a root, or an archive of AppJail's, begins with: no jail of Bastille's."""
ZIP = b"PK\x03\x04"
TABLE = b"\x55\xaa"


def look(session: Session, file: str, path: str) -> Seen:
    """Return the guest in a file. `path` is the path in messages, if `file` is a copy.

    Raises NotFoundError, UsageError for a file that is no guest.
    """
    head, size = files.file_size(session, file)
    content = files.beginning(head)
    if streams.header(content) is not None or head.startswith(ZIP):
        raise UsageError(
            f"{path} is not an archive of a jail", "receive it with zfs receive, and look at it"
        )
    if head.startswith(cbsd.BEGIN):
        return _cbsd(session, file, path, size)
    if members.is_tar(head) and head[:100].split(b"\0")[0].lower().endswith(b".ovf"):
        return _appliance(session, file, path, size)
    if _is_disk(path, content):
        return _disk(session, file, path)
    return _tar(session, file, path, formats.compression(head))


def _is_disk(path: str, content: bytes) -> bool:
    """Return whether it is a disk image: of another format, or one with a partition table. Raises
    UsageError for an ISO file, which tar(1) would read."""
    if members.is_tar(content):
        return False
    known = formats.form(path, content, b"", None)
    return known.format != formats.RAW or content[510:512] == TABLE


# ---- disks ----


def _disk(session: Session, file: str, path: str) -> Seen:
    """A virtual machine with this disk."""
    source = files.examine(session, file, path, "import", "disk")
    draft = Draft(settings={"memory": "1G", "cpus": 1, "nics": [{}]}, wires=[""])
    draft.note("a disk has no configuration: 1 CPU, 1G of memory and one interface")
    draft.settings["disks"] = [{"name": FIRST_DISK, "size": rounded(source.size)}]
    stem = re.sub(r"(\.(raw|img|qcow2|vmdk|vhdx?|vdi|gz|xz|bz2|zst))+$", "", _last(path))
    return Seen(draft.found("disk", stem, "vm"), fills=((FIRST_DISK, source),))


def rounded(size: int) -> str:
    """Return the size of a volume that holds so many bytes."""
    return str(Size(max(1, -(-size // MIB)) * MIB))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _appliance(session: Session, file: str, path: str, size: int) -> Seen:
    def read(at: int, most: int) -> bytes:
        return session.host.fs.read_from(file, at, most)

    there = members.members(read, size, path)
    described = [one for one in there if one.name.lower().endswith(".ovf")]
    if len(described) != 1 or described[0].size > ova.MOST_TEXT:
        raise UsageError(f"{path} is not an appliance: it has no single description", "see tar -tf")
    text = read(described[0].offset, described[0].size)
    found = ova.read(ova.parse(text, path), there, path)
    fills = []
    sizes: dict[str, int] = {}
    for disk in found.disks:
        assert disk.part is not None
        part = disk.part
        begin = read(part.offset, formats.HEAD)
        end = read(part.offset + part.size - formats.TAIL, formats.TAIL)
        name = f"{path}: {shown(part.member)}"
        form = formats.form(name, begin, end, None)
        if form.packed:
            raise UsageError(f"{name} is compressed", "extract it, and import the disk alone")
        headers.refuse_others(name, form.format, begin, end)
        sizes[disk.name] = _capacity(begin, form.format, disk.size, part)
        within = Within(part.offset, part.size)
        fills.append((disk.name, Source(file, form, sizes[disk.name], within)))
    return Seen(sized(found, sizes), fills=tuple(fills))


def _capacity(head: bytes, format: str, declared: int, part: Part) -> int:
    """Return the size of a disk in an appliance. That of its own header counts, for qemu-img."""
    if format == "vmdk":
        return min(int.from_bytes(head[12:20], "little"), ova.LARGEST_DISK >> 9) << 9
    return part.size if format == formats.RAW else declared


def sized(found: Found, sizes: dict[str, int]) -> Found:
    """Return it with the sizes of the disks that become volumes."""
    from msgspec import structs

    disks = [
        {**disk, "size": rounded(sizes[disk["name"]])} if disk["name"] in sizes else disk
        for disk in found.settings["disks"]
    ]
    return structs.replace(found, settings={**found.settings, "disks": disks})


# ---- jails ----


def _cbsd(session: Session, file: str, path: str, size: int) -> Seen:
    head = b""
    data = None
    while data is None and len(head) < min(size, cbsd.MOST_HEAD):
        more = session.host.fs.read_from(file, len(head), CHUNK)
        if not more:
            break
        head += more
        # The mark of the data may be followed by nothing of them in this piece.
        data = cbsd.data_of(head)
    found = cbsd.read(cbsd.parts_of(head), data, path)
    assert data is not None
    return Seen(found, Origin("archive", file, strip=1, offset=data.offset, packed=data.packed))


def _tar(session: Session, file: str, path: str, packed: str) -> Seen:
    """An archive for tar(1). What is likely is asked first: a miss reads all of it."""
    first = "".join(_names(session, file, ("*",))[:1])
    if not first and packed == "zst" and re.search(r"\.(raw|img)\.zst$", path):
        # Its content is not known before it is unpacked.
        return _disk(session, file, path)
    if not first:
        raise UsageError(
            f"{path} is neither an archive nor a disk image that is known",
            "archives of tar(1), of Bastille, AppJail and CBSD, appliances (ova) and disks are",
        )
    top = first.removeprefix("./").split("/")[0]
    if (
        PLAIN.fullmatch(top)
        and top not in TOPS
        and _names(session, file, (f"{top}/{bastille.CONFIG}",))
    ):
        texts = _texts(session, file, f"{top}/", bastille.FILES)
        found = bastille.read(texts, path, top)
        return Seen(found, Origin("archive", file, inside=f"{top}/{bastille.ROOT}", strip=2))
    if _names(session, file, (FREEBSD,)):
        return _root(file, path)
    texts = _texts(session, file, "", (*appjail.FILES, LINUX))
    if appjail.CONFIG in texts or appjail.TEMPLATE in texts:
        found = appjail.read(texts, path, stem(path))
        dot = "./" if first.startswith("./") else ""
        inside = f"{dot}{appjail.ROOT}"
        return Seen(found, Origin("archive", file, inside=inside, strip=2 if dot else 1))
    if LINUX in texts:
        return _root(file, path, "linux")
    raise UsageError(
        f"{path} is not the root of a FreeBSD or Linux system, nor an archive of a known tool",
        "bsdvirt create jail NAME --root-from FILE takes any archive",
    )


def _root(file: str, path: str, userland: str = "freebsd") -> Seen:
    """A plain archive of a jail's root."""
    draft = Draft(settings={"nics": [{}], "userland": userland}, wires=[""])
    return Seen(draft.found("tar", stem(path), "jail"), Origin("archive", file))


def stem(path: str) -> str:
    """Return the name of an archive without its endings, and without a date."""
    name = re.sub(r"(\.(tar|tgz|txz|tzst|tbz|gz|xz|zst|bz2|appjail|img))+$", "", _last(path))
    return usable(re.sub(r"_\d{4}-\d\d-\d\d(-\d+)?$", "", name))


def _names(
    session: Session, file: str, patterns: Sequence[str], *, every: bool = False
) -> list[str]:
    """Return the first member for each pattern of tar(1) that has one, or every member."""
    argv = (tools.TAR, "-tf", file) if every else (tools.TAR, "-tqf", file, *patterns)
    result = session.host.run(argv, changes=False, timeout=LOOK_SECONDS)
    if result.timed_out:
        raise UsageError(f"{file} takes too long to be read", "extract it, and import that")
    return [line for line in result.stdout.splitlines() if line.isprintable()]


def _texts(session: Session, file: str, top: str, names: Sequence[str]) -> dict[str, str]:
    """Return the texts of the members that are there, by their names below `top`."""
    there = _names(session, file, [f"{top}{name}" for name in names])
    plain = {name.removeprefix("./") for name in there}
    return {name: _member(session, file, f"{top}{name}") for name in names if top + name in plain}


def _member(session: Session, file: str, name: str) -> str:
    """Return the text of one member. The host keeps no more of it than of any output."""
    argv = (tools.TAR, "-xOqf", file, name)
    result = session.host.run(argv, changes=False, timeout=LOOK_SECONDS)
    if result.status != 0 or result.timed_out:
        raise NotFoundError(f"{file}: {name} cannot be read", "the archive may be damaged")
    return result.stdout


# ---- exports of iocage's ----


def stream_members(session: Session, file: str) -> list[str]:
    """Return the members of an archive of ZFS streams; none if it is another archive. Only if the
    first is one, all are listed."""
    first = _names(session, file, ("*",))[:1]
    if not first or not iocage.STREAM.fullmatch(first[0]):
        return []
    return [one for one in _names(session, file, (), every=True) if iocage.STREAM.fullmatch(one)]


def is_readable(session: Session, file: str) -> bool:
    """Return whether tar(1) reads a file."""
    return bool(_names(session, file, ("*",)))


def child_of(member: str) -> str:
    """Return the dataset below the jail's that a stream is of; empty for the jail's own."""
    match = iocage.STREAM.fullmatch(member)
    return (match[2] or "").lstrip("_") if match else ""


def jail_of(member: str) -> str:
    """Return the name of the jail that a stream is of."""
    match = iocage.STREAM.fullmatch(member)
    return match[1] if match else ""
