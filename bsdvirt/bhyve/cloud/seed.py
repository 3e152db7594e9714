"""The seed of a guest: what cloud-init and nuageinit(7) read at its first boot. Pure.

NoCloud: three files on an ISO 9660 file system labelled cidata. The network's part is in
cloudnet.py. FreeBSD's nuageinit makes a user `freebsd` with that very password, in wheel,
where user-data names no users, so users are always named.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bsdvirt.bhyve.cloud import network as cloudnet
from bsdvirt.bhyve.cloud.network import SeedNic as SeedNic
from bsdvirt.bhyve.cloud.quoted import dump_quoted
from bsdvirt.bhyve.cloud.userdata import HEAD, amended
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.plan.step import (
    Command,
    FileExists,
    MakeDirectory,
    Not,
    Plan,
    RemoveFile,
    RemoveTree,
    Rename,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.cloud import CloudInit

LABEL = "cidata"
NAMES = ("meta-data", "user-data", "network-config")
MAKE_SECONDS = 120.0
SCRIPT = "/var/cache/nuageinit/script"
"""Where FreeBSD keeps a script of one's own: in nuageinit's own directory."""


@dataclass(frozen=True, slots=True)
class Seed:
    """All that a guest is told. `uuid` is the guest's own: it is the same instance as long
    as that is the same."""

    hostname: str
    uuid: str
    cloud: CloudInit
    nics: tuple[SeedNic, ...] = ()
    dns: tuple[str, ...] = ()
    """The host's name servers."""

    @property
    def wired(self) -> bool:
        """Whether it is told its addresses."""
        return self.cloud.network and bool(self.nics)

    @property
    def names(self) -> cloudnet.Names:
        """The name servers and domains that it is told."""
        return cloudnet.names(self.cloud, self.nics, self.dns)


def files(seed: Seed) -> dict[str, str]:
    """The seed's files by name. Raises UsageError for user-data of its own that what reads
    it would not understand."""
    found = {"meta-data": dump_quoted(_meta(seed)), "user-data": _user_data(seed)}
    if seed.wired:
        found["network-config"] = dump_quoted(network(seed))
    return found


def network(seed: Seed) -> dict[str, Any]:
    """The addresses of all interfaces."""
    return cloudnet.ethernets(seed.cloud, seed.nics, seed.names)


def _meta(seed: Seed) -> dict[str, Any]:
    return {"instance-id": seed.uuid, "local-hostname": seed.hostname}


def _user_data(seed: Seed) -> str:
    own = seed.cloud.user_data
    if own and seed.cloud.system == "freebsd":
        if not own.startswith("#!"):
            needed = {"users": [], **_bsd_network(seed), **_write_files(seed)}
            return amended(own, needed)
    elif own:
        return own if own.endswith("\n") else own + "\n"
    return HEAD + dump_quoted(_data(seed))


def _data(seed: Seed) -> dict[str, Any]:
    cloud = seed.cloud
    data: dict[str, Any] = {"hostname": seed.hostname}
    if "." in seed.hostname:
        data["hostname"], data["fqdn"] = seed.hostname.partition(".")[0], seed.hostname
    data |= _users(cloud)
    # Where only a password lets the user in, it has to.
    data["ssh_pwauth"] = bool(cloud.password and not cloud.ssh_keys)
    if cloud.login == "root":
        data["disable_root"] = False
    if cloud.system != "freebsd":
        data["manage_etc_hosts"] = True
        # An address that was changed takes hold at the next boot, and the instance stays the
        # same one: its host keys are not made anew.
        data["updates"] = {"network": {"when": ["boot-new-instance", "boot"]}}
        return data
    if cloud.user_data:
        data["runcmd"] = [SCRIPT]
    return data | _bsd_network(seed) | _write_files(seed)


def _bsd_network(seed: Seed) -> dict[str, Any]:
    """nuageinit of earlier releases looks for it in user-data only."""
    return {"network": network(seed)} if seed.wired else {}


def _write_files(seed: Seed) -> dict[str, Any]:
    """The files that nuageinit writes before rc(8) sees to the network: a script of one's
    own, and what it passes over in the network's part."""
    entries: list[dict[str, Any]] = []
    if seed.cloud.user_data.startswith("#!"):
        text = base64.b64encode(seed.cloud.user_data.encode()).decode()
        entries.append({"path": SCRIPT, "permissions": "0755", "encoding": "b64", "content": text})
    if seed.wired:
        lines = cloudnet.rc_files(seed.nics, seed.names)
        entries += [{"path": path, "append": True, "content": text} for path, text in lines.items()]
    return {"write_files": entries} if entries else {}


def _users(cloud: CloudInit) -> dict[str, Any]:
    """The one user. On Linux it is the distribution's own, perhaps by another name: cloud-init
    there knows the right shell and groups, and what becomes root."""
    password: dict[str, Any] = {"lock_passwd": cloud.password is None}
    if cloud.password:
        password["passwd"] = str(cloud.password)
    elif cloud.system == "freebsd":
        # nuageinit makes a user without one with a blank password (pw -w none).
        password["passwd"] = "*"
    keys = [str(key) for key in cloud.ssh_keys]
    if cloud.system == "linux" and cloud.user != "root":
        named = {"name": str(cloud.user)} if cloud.user else {}
        data: dict[str, Any] = {"user": named | password, "users": ["default"]}
        return data | ({"ssh_authorized_keys": keys} if keys else {})
    user: dict[str, Any] = {"name": cloud.login}
    if cloud.login != "root":
        user["gecos"] = "Administrator"
        if cloud.system == "freebsd":
            user |= {"groups": "wheel", "shell": "/bin/sh"}
        user["sudo"] = "ALL=(ALL) NOPASSWD:ALL"
    user |= password
    if keys:
        user["ssh_authorized_keys"] = keys
    return {"users": [user]}


# ---- files into an ISO file ----


def directory(layout: Layout, name: str) -> str:
    """Where the files of a guest's seed lie."""
    return f"{layout.guest_directory(name)}/seed"


def iso(layout: Layout, name: str) -> str:
    """The seed itself: what the guest has in a drive."""
    return f"{layout.guest_directory(name)}/seed.iso"


def make(seed: Seed, layout: Layout, name: str) -> tuple[Step, ...]:
    """The seed of a guest that is being made, in its own dataset, whose undo takes it away."""
    return _made(files(seed), directory(layout, name), iso(layout, name))


def _made(contents: Mapping[str, str], place: str, image: str) -> tuple[Step, ...]:
    first = Step(
        MakeDirectory(place, 0o700),
        "the seed: what the guest reads at its first boot",
        undo=(Undo(RemoveTree(place)),),
        durable=True,
    )
    written = [
        Step(WriteFile(f"{place}/{file}", text, 0o600), f"{file} of the seed", durable=True)
        for file, text in contents.items()
    ]
    words = (tools.MAKEFS, "-t", "cd9660", "-o", f"rockridge,label={LABEL}", image, place)
    built = Step(
        Command(words, timeout=MAKE_SECONDS),
        "the seed as an ISO file",
        undo=(Undo(RemoveFile(image)),),
        durable=True,
    )
    closed = Step(Command((tools.CHMOD, "0600", image)), "for nobody else to read", durable=True)
    return first, *written, built, closed


def plan_renew(seed: Seed, layout: Layout, name: str, op: str) -> Plan:
    """A seed that has changed, made beside the old one and put in its place once it is whole."""
    place, image = directory(layout, name), iso(layout, name)
    fresh, fresh_image = f"{place}.new", f"{image}.new"
    steps = _made(files(seed), fresh, fresh_image)
    finish = (
        # Each is passed over where it is done: what is cut short goes on from there.
        Step(RemoveTree(place), "the old seed", unless=Not(FileExists(fresh)), durable=True),
        Step(Rename(fresh, place), "the new one", unless=Not(FileExists(fresh)), durable=True),
        Step(
            RemoveFile(image),
            "the old ISO file",
            unless=Not(FileExists(fresh_image)),
            durable=True,
        ),
        Step(
            Rename(fresh_image, image),
            "the new one",
            unless=Not(FileExists(fresh_image)),
            durable=True,
        ),
    )
    return Plan("renew seed", name, "guest", steps, finish, op=op)
