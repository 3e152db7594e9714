"""What a host shows, asked in the same words of the simulated one and of a real one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bsdvirt.facts import ifconfig
from bsdvirt.host.base import Host, Result
from bsdvirt.host.fs import Fs
from bsdvirt_sim import SimHost

ETC = "/usr/local/etc/bsdvirt"
RUN = "/var/run/bsdvirt"
LOG = "/var/log/bsdvirt"
UNSEEN = (
    f"{RUN}/locks",
    f"{RUN}/boot",
    LOG,
    "/var/run/dhclient",
    "/usr/freebsd-dist",
    "/var/log/messages",
    "/dev",
    "/tmp",
    "/scratch",
)  # noqa: S108
"""What comes and goes without being anybody's leftover."""

SHOWN = 12
"""Differences that a failed assertion shows."""

Facts = dict[str, Any]


@dataclass(slots=True)
class HostView:
    """A host, and where bsdvirt lives on it."""

    host: Host
    pool: str
    root: str
    mountpoint: str
    dist: str
    scratch: Path
    """A directory for whatever a scenario needs, as this process sees it."""
    host_scratch: str
    """The same, as the host sees it."""
    baseline: Facts = field(default_factory=dict)

    # ---- asking ----

    def run(self, *argv: str) -> Result:
        """Ask the host. Raises CommandError where it does not answer."""
        return self.host.run(argv, changes=False).check()

    def do(self, *argv: str) -> Result:
        """Do something behind bsdvirt's back."""
        return self.host.run(argv, changes=True).check()

    @property
    def simulated(self) -> bool:
        return isinstance(self.host, SimHost)

    @property
    def fs(self) -> Fs:
        return self.host.fs

    @property
    def release(self) -> str:
        """What the host's own release is called."""
        shown = self.run("/sbin/sysctl", "kern.osrelease").stdout.split()[-1]
        return re.sub(r"-p\d+$", "", shown)

    # ---- what is there ----

    def jails(self) -> dict[str, Facts]:
        """By name; dying ones too."""
        words = ("jid", "name", "path", "dying", "vnet", "cpuset.id", "host.hostname")
        shown = self.run("/usr/sbin/jls", "--libxo", "json", "-d", "-n", *words).stdout
        return {jail["name"]: jail for jail in json.loads(shown)["jail-information"]["jail"]}

    def interfaces(self) -> dict[str, Facts]:
        found = ifconfig.parse(self.run("/sbin/ifconfig", "-a").stdout)
        bridges = {name for name, face in found.items() if "bridge" in face.groups}
        return {
            name: {
                "up": face.up,
                "mtu": face.mtu,
                # A bridge's own is the kernel's choice each time, and its vlan(4)'s too.
                "ether": "" if {name, face.parent} & bridges else face.ether,
                "description": face.description,
                "groups": sorted(face.groups),
                "members": sorted(face.members),
                "vlans": [face.filters, sorted(face.vlans), face.vlan],
                "addresses": sorted(face.addresses),
            }
            for name, face in found.items()
        }

    def mounts(self) -> list[str]:
        """What is mounted where, of which kind."""
        lines = self.run("/sbin/mount", "-p").stdout.splitlines()
        return sorted(" ".join(line.split()[:3]) for line in lines)

    def datasets(self) -> dict[str, list[str]]:
        """All beneath the root dataset, and on the simulated host's other pool: kind,
        mountpoint, origin, what bsdvirt wrote."""
        columns = "name,type,mountpoint,mounted,origin,bsdvirt:guest,bsdvirt:op"
        columns += ",jailed,quota,reservation,compression,atime"
        shown = self.host.run(
            ("/sbin/zfs", "list", "-Hp", "-r", "-t", "filesystem,volume,snapshot", "-o", columns,
             self.root, *(("tank",) if self.simulated and self.pool != "tank" else ())),
            changes=False,
        )  # fmt: skip
        rows = (line.split("\t") for line in shown.stdout.splitlines())
        return {row[0]: row[1:] for row in rows}

    def rules(self) -> list[str]:
        """The rules of rctl(8)."""
        shown = self.host.run(("/usr/bin/rctl",), changes=False)
        return sorted(shown.stdout.splitlines()) if shown.status == 0 else []

    def filter(self) -> list[str]:
        """The packet filter: whether it is enabled, its translation rules, and ours."""
        info = self.host.run(("/sbin/pfctl", "-s", "info"), changes=False).stdout
        found = ["enabled"] if info.startswith("Status: Enabled") else []
        found += self.host.run(("/sbin/pfctl", "-s", "nat"), changes=False).stdout.splitlines()
        ours = ("/sbin/pfctl", "-a", "bsdvirt", "-s", "Anchors")
        for anchor in self.host.run(ours, changes=False).stdout.split():
            found += self.run("/sbin/pfctl", "-a", anchor, "-s", "nat").stdout.splitlines()
        return sorted(found)

    def run_files(self) -> list[str]:
        """The files beneath /var/run/bsdvirt, locks apart."""
        return sorted(self._files_beneath(RUN))

    def journals(self) -> list[str]:
        found = self.fs.listdir(f"{self.mountpoint}/state")
        if self.simulated:
            # Those of roots on other pools, too.
            elsewhere = sorted(self.fs.path("/").glob("bsdvirt-*/state/*"))
            found = [*found, *(path.name for path in elsewhere)]
        return found

    def guest_text(self, name: str) -> str:
        return self.fs.read_text(self.guest_file(name))

    def guest_file(self, name: str) -> str:
        return f"{self.mountpoint}/guests/{name}/guest.yaml"

    def jail_root(self, name: str) -> str:
        return f"{self.mountpoint}/guests/{name}/root"

    def files(self) -> dict[str, str]:
        """The files that bsdvirt may write, each with a digest: on the simulated host all
        of them, on a real one those of its own directories and of guests."""
        if self.simulated:
            return self._files_beneath("/")
        found = self._files_beneath(RUN) | self._files_beneath(ETC)
        found |= self._files_beneath("/etc/rc.conf")
        for name in self.fs.listdir(f"{self.mountpoint}/guests"):
            for path in (self.guest_file(name), f"{self.jail_root(name)}/etc/resolv.conf"):
                found |= self._files_beneath(path)
        return found

    def _files_beneath(self, place: str) -> dict[str, str]:
        top = self.fs.path(place)
        every = [top] if top.is_file() else sorted(top.rglob("*"))
        found: dict[str, str] = {}
        for path in every:
            if path.is_dir() and not path.is_symlink():
                continue
            name = "/" + str(path.relative_to(self.fs.prefix))
            if any(name == hidden or name.startswith(hidden + "/") for hidden in UNSEEN):
                continue
            if name.startswith("/var/run/ended.") or re.fullmatch(f"{RUN}/.*[.]lock", name):
                continue
            if path.is_symlink():
                data = str(path.readlink()).encode()
            else:
                # A FIFO or a socket is there or not; to read it would wait for a writer.
                data = path.read_bytes() if path.is_file() else b"special"
            found[name] = hashlib.sha256(data).hexdigest()[:12]
        return found

    # ---- comparing ----

    def everything(self) -> Facts:
        """All of it, to compare with what it was before."""
        return {
            "jails": self.jails(),
            "interfaces": self.interfaces(),
            "mounts": self.mounts(),
            "datasets": self.datasets(),
            "rules": self.rules(),
            "filter": self.filter(),
            "journals": self.journals(),
            "machines": self.fs.listdir("/dev/vmm"),
            "files": self.files(),
        }

    def remember(self) -> None:
        """What is there now is no leftover."""
        self.baseline = self.everything()

    def leftovers(self) -> list[str]:
        """What is there and was not when `remember` was called; and what is there no more."""
        return differences(self.baseline, self.everything())


def differences(before: Facts, after: Facts) -> list[str]:
    """Each difference in words; none where both are the same."""
    found: list[str] = []
    for kind, was in before.items():
        now = after[kind]
        if isinstance(was, dict):
            found += [f"{kind}: new: {key}: {now[key]}" for key in now if key not in was]
            found += [f"{kind}: gone: {key}: {was[key]}" for key in was if key not in now]
            found += [
                f"{kind}: changed: {key}: {was[key]} -> {now[key]}"
                for key in was
                if key in now and was[key] != now[key]
            ]
        else:
            found += [f"{kind}: new: {item}" for item in now if item not in was]
            found += [f"{kind}: gone: {item}" for item in was if item not in now]
    return found


def assert_same(before: Facts, after: Facts, why: object = "") -> None:
    found = differences(before, after)
    assert not found, "\n".join([str(why), *found[:SHOWN]])


def nothing_of(view: HostView, names: Sequence[str]) -> list[str]:
    """What the host still has of guests that do not run: jails, interfaces, limits,
    mounts beneath their roots, run files."""
    found = [f"jail {name}" for name in names if name in view.jails()]
    for name in names:
        found += [f"rule {rule}" for rule in view.rules() if rule.startswith(f"jail:{name}:")]
        root = view.jail_root(name)
        found += [f"mount {line}" for line in view.mounts() if f" {root}/" in line]
        found += [file for file in view.run_files() if file.endswith((f"/{name}", f"/{name}.conf"))]
        found += [
            f"interface {face}"
            for face, facts in view.interfaces().items()
            if facts["description"].split(" ")[0] == name
        ]
    return found + [f"journal {file}" for file in view.journals()]


def without_numbers(facts: Facts) -> Facts:
    """Facts without what each start numbers anew: a jail's id, its cpuset's."""
    numbers = ("jid", "cpuset.id")
    jails = {
        name: {key: value for key, value in jail.items() if key not in numbers}
        for name, jail in facts["jails"].items()
    }
    return facts | {"jails": jails}
