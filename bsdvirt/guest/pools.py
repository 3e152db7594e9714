"""The pools that guests are on: the host file's own, and others, each with a file of its own."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError
from bsdvirt.layout import POOL_DIRECTORY, Layout, pool_file
from bsdvirt.record import Record, replace

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Iterable

    from bsdvirt.host.fs import Fs


class Absent(Record):
    """A pool whose guests cannot be seen now: why, and what to do."""

    name: str
    why: str
    hint: str

    @property
    def message(self) -> str:
        return f"pool {self.name}: {self.why}: its guests are missing"


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
