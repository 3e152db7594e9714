"""The roots of this host: the host file's own, and those on other pools, each with a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bsdvirt.errors import BsdvirtError
from bsdvirt.host.fs import Fs
from bsdvirt.layout import ROOT_DIRECTORY, Layout, root_file
from bsdvirt.spec.load import load_root
from bsdvirt.spec.mounts import within


@dataclass(frozen=True, slots=True)
class Absent:
    """A root whose guests are not seen now, and why, and what brings them back."""

    name: str
    why: str
    hint: str

    @property
    def message(self) -> str:
        return f"root {self.name}: {self.why}: its guests are missing"


@dataclass(frozen=True, slots=True)
class Roots:
    """All of them."""

    layouts: tuple[Layout, ...]
    """The first is the host file's own."""
    broken: tuple[Absent, ...] = ()
    """Those whose file cannot be used."""

    @property
    def first(self) -> Layout:
        return self.layouts[0]

    @property
    def others(self) -> tuple[Layout, ...]:
        return self.layouts[1:]

    def named(self, word: str) -> Layout | None:
        """The root that a name or a dataset means."""
        return next((one for one in self.layouts if word in (one.name, one.dataset)), None)


def read_roots(fs: Fs, first: Layout) -> Roots:
    """Read the files; one that cannot be used hinders no other root."""
    found, broken = [first], []
    for file in fs.listdir(ROOT_DIRECTORY):
        name = file.removesuffix(".yaml")
        if name == file or file.startswith("."):
            continue
        path = root_file(name)
        try:
            told = load_root(fs.read_text(path), path)
        except BsdvirtError as error:
            broken.append(Absent(name, error.message, error.hint or f"mend {path}"))
            continue
        except (OSError, UnicodeDecodeError) as error:
            broken.append(Absent(name, f"{path}: {error}", "mend or remove the file"))
            continue
        layout = Layout(str(told.dataset), str(told.mountpoint), name, first.mountpoint)
        if why := overlaps(layout, found):
            broken.append(Absent(name, f"{path}: {why}", "mend or remove the file"))
        else:
            found.append(layout)
    if len(found) == 1:
        return Roots((first,), tuple(broken))
    every = [one.dataset for one in found]
    whole = (
        replace(one, siblings=tuple(other for other in every if other != one.dataset))
        for one in found
    )
    return Roots(tuple(whole), tuple(broken))


def overlaps(layout: Layout, others: Iterable[Layout]) -> str:
    """Why a root cannot be besides these, in words: of one name, or one in the other."""
    for other in others:
        if layout.name == other.name:
            return f"root {other.name} is {other.dataset} already"
        if _nested(f"/{layout.dataset}", f"/{other.dataset}"):
            return f"{layout.dataset} and {other.dataset} lie in one another"
        if _nested(layout.mountpoint, other.mountpoint):
            return f"{layout.mountpoint} and {other.mountpoint} lie in one another"
    return ""


def _nested(one: str, other: str) -> bool:
    return within(one, other) or within(other, one)
