"""The seed of a guest: what cloud-init and nuageinit(7) read at its first boot. Pure.

NoCloud: three files on an ISO 9660 file system labelled cidata. The network is in network.py.
FreeBSD's nuageinit adds a user `freebsd` with the password `freebsd`, in wheel, if user-data has
no users, so there are always some.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

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
MAKE_SECONDS = 120.0
SCRIPT = "/var/cache/nuageinit/script"
"""Where FreeBSD keeps a script given as user-data: in nuageinit's own directory."""


class Seed(Struct, frozen=True):
    """What a guest reads. `uuid` is the guest's: while it stays the same, cloud-init takes the
    guest for the same instance."""

    hostname: str
    uuid: str
    cloud: CloudInit
    nics: tuple[SeedNic, ...] = ()
    dns: tuple[str, ...] = ()
    """The host's name servers."""

    @property
    def wired(self) -> bool:
        """Whether the guest's addresses are in it."""
        return self.cloud.network and bool(self.nics)

    @property
    def names(self) -> cloudnet.Names:
        """Its name servers and search domains."""
        return cloudnet.names(self.cloud, self.nics, self.dns)


def files(seed: Seed) -> dict[str, str]:
    """Return the seed's files by name. Raise UsageError for the user's own user-data where the
    guest's system would not understand it."""
    found = {"meta-data": dump_quoted(_meta(seed)), "user-data": _user_data(seed)}
    if seed.wired:
        found["network-config"] = dump_quoted(network(seed))
    return found


def network(seed: Seed) -> dict[str, Any]:
    """Return the network configuration of all interfaces."""
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
        # A changed address takes effect at the next boot. The instance stays the same, so no
        # new host keys are made.
        data["updates"] = {"network": {"when": ["boot-new-instance", "boot"]}}
        return data
    if cloud.user_data:
        data["runcmd"] = [SCRIPT]
    return data | _bsd_network(seed) | _write_files(seed)


def _bsd_network(seed: Seed) -> dict[str, Any]:
    """nuageinit of earlier releases reads the network from user-data only."""
    return {"network": network(seed)} if seed.wired else {}


def _write_files(seed: Seed) -> dict[str, Any]:
    """Return the files that nuageinit writes before rc(8) configures the network: the user's
    script, and what it ignores in the network configuration."""
    entries: list[dict[str, Any]] = []
    if seed.cloud.user_data.startswith("#!"):
        text = base64.b64encode(seed.cloud.user_data.encode()).decode()
        entries.append({"path": SCRIPT, "permissions": "0755", "encoding": "b64", "content": text})
    if seed.wired:
        lines = cloudnet.rc_files(seed.nics, seed.names)
        entries += [{"path": path, "append": True, "content": text} for path, text in lines.items()]
    return {"write_files": entries} if entries else {}


def _users(cloud: CloudInit) -> dict[str, Any]:
    """Return the user. On Linux it is the distribution's default user, perhaps renamed:
    cloud-init there knows its shell, its groups, and how it becomes root."""
    password: dict[str, Any] = {"lock_passwd": cloud.password is None}
    if cloud.password:
        password["passwd"] = str(cloud.password)
    elif cloud.system == "freebsd":
        # nuageinit gives a user without a password a blank one (pw -w none).
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
    """Return the directory of the files of a guest's seed."""
    return f"{layout.guest_directory(name)}/seed"


def iso(layout: Layout, name: str) -> str:
    """Return the path of the ISO file, which the guest has in a drive."""
    return f"{layout.guest_directory(name)}/seed.iso"


def make(seed: Seed, layout: Layout, name: str) -> tuple[Step, ...]:
    """Make the seed of a new guest, in its dataset, whose undo removes it."""
    return _made(files(seed), directory(layout, name), iso(layout, name))


def _made(contents: Mapping[str, str], place: str, image: str) -> tuple[Step, ...]:
    first = Step(
        MakeDirectory(place, 0o700),
        "the seed, read by the guest at its first boot",
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
    closed = Step(Command((tools.CHMOD, "0600", image)), "readable by root only", durable=True)
    return first, *written, built, closed


def fresh_paths(layout: Layout, name: str) -> tuple[str, str]:
    """Return where a new seed is made: the directory and the ISO file."""
    return f"{directory(layout, name)}.new", f"{iso(layout, name)}.new"


def plan_renew(seed: Seed, layout: Layout, name: str, op: str, left: Collection[str] = ()) -> Plan:
    """Replace a seed: make the new one beside the old one, then rename it. `left` are those of
    `fresh_paths` that exist: in a dataset from elsewhere, links to files of the host."""
    place, image = directory(layout, name), iso(layout, name)
    fresh, fresh_image = fresh_paths(layout, name)
    steps = (
        *(Step(RemoveTree(path), "what is in its place", durable=True) for path in left),
        *_made(files(seed), fresh, fresh_image),
    )
    finish = (
        # Each is skipped where it is done, so an interrupted plan continues from there.
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
