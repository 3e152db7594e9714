"""Two simulated hosts, of which one sends guests to the other by ssh."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenario_driver import Bsdvirt
from scenario_hosts import fast_directory, sim_template

from bsdvirt.host import tools
from bsdvirt_sim import SimHost
from bsdvirt_sim.tool import run_with

GUESTS = "zroot/bsdvirt/guests"
OTHER_ID = "11111111-2222-3333-4444-555555555555"
FILES = "root/bsdvirt/guests"


@dataclass
class Side:
    """A host, and the commands on it."""

    run: Bsdvirt
    sim: SimHost

    @property
    def directory(self) -> Path:
        return self.sim.directory

    def zfs(self, *words: str, ok: bool = True) -> str:
        result = self.sim.run((tools.ZFS, *words), changes=words[0] not in ("list", "get", "holds"))
        assert (result.status == 0) == ok, result
        return result.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file of a guest."""
        (self.directory / FILES / path).write_text(text)

    def fill(self, volume: str, data: bytes) -> None:
        """Write the beginning of a volume."""
        with (self.directory / "root/dev/zvol" / GUESTS / volume).open("r+b") as device:
            device.write(data)

    def stream(self, full: str) -> str:
        """Return a checksum of all that is in a snapshot: of the stream that it is sent as."""
        out = io.BytesIO()
        words = [str(self.directory), tools.ZFS, "send", full]
        assert run_with(words, io.BytesIO(), out) == 0
        return hashlib.sha256(out.getvalue()).hexdigest()

    def snapshots(self, dataset: str) -> list[str]:
        """Return the names of the snapshots of a dataset of a guest."""
        names = self.zfs("list", "-Hp", "-d", "1", "-t", "snapshot", "-o", "name", dataset).split()
        return [name.partition("@")[2] for name in names]

    def guid(self, full: str) -> str:
        return self.zfs("get", "-Hp", "-o", "value", "guid", full).strip()

    def row(self, name: str) -> dict[str, Any]:
        rows = [row for row in self.run.json("ls") if row["name"] == name]
        assert len(rows) == 1, rows
        found: dict[str, Any] = rows[0]
        return found


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Side, Side]]:
    """Yield the host a, with a jail web, and the host b, which know one another by these names."""
    with fast_directory() as top:
        sides = {}
        for name in "ab":
            shutil.copytree(sim_template(bare=False), top / name, symlinks=True)
            sides[name] = Side(Bsdvirt(top / name), SimHost(top / name))
        a, b = sides["a"], sides["b"]
        b.sim.settings.set_sysctl("kern.hostuuid", OTHER_ID)
        b.sim.settings.set_sysctl("kern.hostname", "b")
        a.sim.settings.set_sysctl("kern.hostname", "a")
        (top / "b/root/var/run/bsdvirt/boot").unlink(missing_ok=True)
        for name, side in sides.items():
            a.sim.settings.set_peer(name, str(side.directory))
            b.sim.settings.set_peer(name, str(side.directory))
        a.run.ok("create", "jail", "web")
        a.write("web/root/etc/motd", "first\n")
        yield a, b


def same(a: Side, b: Side, name: str = "web", there: str = "") -> None:
    """Assert that the newest snapshot of a guest is the same on both."""
    there = there or name
    datasets = a.zfs("list", "-Hp", "-r", "-o", "name", f"{GUESTS}/{name}").split()
    assert len(datasets) > 1
    for dataset in datasets:
        other = dataset.replace(f"{GUESTS}/{name}", f"{GUESTS}/{there}")
        newest = a.snapshots(dataset)[-1]
        assert b.snapshots(other)[-1] == newest
        assert a.guid(f"{dataset}@{newest}") == b.guid(f"{other}@{newest}")
        if name == there:
            assert a.stream(f"{dataset}@{newest}") == b.stream(f"{other}@{newest}")
