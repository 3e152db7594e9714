"""The pools that guests are on: the host file's own, and others, each with a file of its own; and
what is found on them."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError, HostError
from bsdvirt.guest.inventory import Absent, inventory
from bsdvirt.host import tools
from bsdvirt.layout import HOST_FILE, POOL_DIRECTORY, Layout, pool_file
from bsdvirt.record import Record, replace

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bsdvirt.guest.inventory import Inventory, ReadIdentity
    from bsdvirt.host.base import Host
    from bsdvirt.host.fs import Fs
    from bsdvirt.zfs.base import Dataset

    List = Callable[..., list[Dataset]]
    """Lists the datasets of pools, as zfs/base.py has it."""


class Pools(Record):
    """All pools of this host."""

    layouts: tuple[Layout, ...]
    """The first is the one that the host file names."""
    broken: tuple[Absent, ...] = ()
    """Those whose file is not valid."""

    @property
    def first(self) -> Layout:
        return self.layouts[0]

    @property
    def others(self) -> tuple[Layout, ...]:
        return self.layouts[1:]

    def named(self, word: str) -> Layout | None:
        """Return the pool of that name or dataset."""
        return next((one for one in self.layouts if word in (one.name, one.dataset)), None)


def read_pools(fs: Fs, first: Layout) -> Pools:
    """Read the pools' files; an invalid one does not affect the others."""
    found, broken = [first], []
    for file in fs.listdir(POOL_DIRECTORY):
        name = file.removesuffix(".yaml")
        if name == file or file.startswith("."):
            continue
        path = pool_file(name)
        # Imported here: most hosts have one pool.
        from bsdvirt.spec.load import load_pool

        try:
            said = load_pool(fs.read_text(path), path)
        except BsdvirtError as error:
            broken.append(Absent(name, error.message, error.hint or f"correct {path}"))
            continue
        except (OSError, UnicodeDecodeError) as error:
            broken.append(Absent(name, f"{path}: {error}", "correct or remove the file"))
            continue
        layout = Layout(str(said.dataset), str(said.mountpoint), name, first.mountpoint)
        if why := overlaps(layout, found):
            broken.append(Absent(name, f"{path}: {why}", "correct or remove the file"))
        else:
            found.append(layout)
    if len(found) == 1:
        return Pools((first,), tuple(broken))
    every = [one.dataset for one in found]
    whole = (
        replace(one, siblings=tuple(other for other in every if other != one.dataset))
        for one in found
    )
    return Pools(tuple(whole), tuple(broken))


def overlaps(layout: Layout, others: Iterable[Layout]) -> str:
    """Return why a pool conflicts with these, or an empty string: the same name, or one dataset
    or mount point within another."""
    for other in others:
        if layout.name == other.name:
            return f"pool {other.name} is {other.dataset} already"
        if _nested(f"/{layout.dataset}", f"/{other.dataset}"):
            return f"{layout.dataset} and {other.dataset} are nested"
        if _nested(layout.mountpoint, other.mountpoint):
            return f"{layout.mountpoint} and {other.mountpoint} are nested"
    return ""


def _nested(one: str, other: str) -> bool:
    from bsdvirt.spec.mounts import within

    return within(one, other) or within(other, one)


def found_in(
    pools: Pools, listed: List, host_id: str, read: ReadIdentity | None = None
) -> Inventory:
    """Return what is on the pools, by a listing of their datasets; what is wrong with a pool
    other than the first is in `absent`."""
    first, *others = pools.layouts
    datasets = listed(first.dataset, *(other.dataset for other in others))
    tops = {dataset.name: dataset for dataset in datasets}
    there: list[Layout] = []
    absent = list(pools.broken)
    for other in others:
        top = tops.get(other.dataset)
        if top is None:
            pool = other.dataset.split("/")[0]
            why, hint = f"{other.dataset} does not exist", f"zpool import {pool}"
        elif top.mountpoint != other.mountpoint:
            why = f"{top.name} is to be mounted at {top.mountpoint}, not {other.mountpoint}"
            hint = f"zfs set mountpoint={other.mountpoint} {top.name}"
        else:
            there.append(other)
            continue
        absent.append(Absent(other.name, why, hint))
    return inventory(first, datasets, there, absent, host_id, read)


def need_first(found: Inventory) -> Inventory:
    """Return the same. Raises HostError if the first pool's mount point is not the one that the
    host file says."""
    top, wanted = found.datasets[0], found.layout.mountpoint
    if top.mountpoint != wanted:
        raise HostError(
            f"the mount point of {top.name} is {top.mountpoint}, but {HOST_FILE} says {wanted}",
            "correct `mountpoint` there",
        )
    return found


def own_id(host: Host) -> str:
    """Return the host's UUID, as in the identities of guests; "" if the kernel has none."""
    try:
        text = host.host_id()
    except OSError:
        # The caller may not read the file in which it is kept.
        text = host.run((tools.SYSCTL, "-n", "kern.hostuuid"), changes=False).stdout
    text = text.strip().lower()
    return "" if set(text) <= set("0-") else text
