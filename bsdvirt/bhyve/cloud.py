"""The seed of a guest: what cloud-init and nuageinit(7) read at its first boot. Pure.

NoCloud: three files on an ISO 9660 file system labelled cidata. The network is version 2 of
cloud-init's own format, in the words that nuageinit of FreeBSD's stable/15 knows too: match by
MAC address, `addresses`, `gateway4`, `gateway6`, `nameservers` and `mtu`
(libexec/nuageinit/nuageinit, network_config). FreeBSD's nuageinit makes a user `freebsd` with
that very password where user-data names no users, so users are always named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bsdvirt.host import tools
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
from bsdvirt.spec.load import dump_value
from bsdvirt.store.layout import Layout

LABEL = "cidata"
NAMES = ("meta-data", "user-data", "network-config")
HEAD = "#cloud-config\n"
MAKE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class SeedNic:
    """An interface: its MAC address, and what it is to have; addresses with prefix length.
    One without addresses asks by DHCP."""

    mac: str
    addresses: tuple[str, ...] = ()
    gateway4: str | None = None
    gateway6: str | None = None
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """All that a guest is told. `uuid` is the guest's own: it is the same instance as long
    as that is the same."""

    hostname: str
    uuid: str
    cloud: CloudInit
    nics: tuple[SeedNic, ...] = ()
    dns: tuple[str, ...] = ()


def files(seed: Seed) -> dict[str, str]:
    """The seed's files by name."""
    found = {"meta-data": dump_value(_meta(seed)), "user-data": _user_data(seed)}
    if seed.cloud.network and seed.nics:
        found["network-config"] = dump_value(network(seed))
    return found


def _meta(seed: Seed) -> dict[str, Any]:
    return {"instance-id": seed.uuid, "local-hostname": seed.hostname}


def _user_data(seed: Seed) -> str:
    own = seed.cloud.user_data
    if own:
        return own if own.endswith("\n") else own + "\n"
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
    elif cloud.network and seed.nics:
        # nuageinit of earlier releases looks for it here only.
        data["network"] = network(seed)
    return HEAD + dump_value(data)


def _users(cloud: CloudInit) -> dict[str, Any]:
    """The one user. On Linux it is the distribution's own, perhaps by another name: cloud-init
    there knows the right shell and groups, and what becomes root."""
    password: dict[str, Any] = {"lock_passwd": cloud.password is None}
    if cloud.password:
        password["passwd"] = str(cloud.password)
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


def network(seed: Seed) -> dict[str, Any]:
    """The addresses of all interfaces, each found by its MAC address: what the guest calls
    it does not matter."""
    ethernets: dict[str, Any] = {}
    for number, nic in enumerate(seed.nics):
        entry: dict[str, Any] = {"match": {"macaddress": nic.mac}}
        if seed.cloud.system == "linux":
            entry["set-name"] = f"eth{number}"
        entry |= _addresses(nic, seed, first=number == 0)
        ethernets[f"eth{number}"] = entry
    return {"version": 2, "ethernets": ethernets}


def _addresses(nic: SeedNic, seed: Seed, *, first: bool) -> dict[str, Any]:
    if not nic.addresses:
        return {"dhcp4": True}
    entry: dict[str, Any] = {"addresses": list(nic.addresses)}
    for name in ("gateway4", "gateway6"):
        if gateway := getattr(nic, name):
            entry[name] = gateway
    if nic.mtu is not None:
        entry["mtu"] = nic.mtu
    servers = [str(one) for one in seed.cloud.dns] or list(seed.dns)
    if first and (servers or seed.cloud.search):
        named: dict[str, Any] = {"addresses": servers} if servers else {}
        if seed.cloud.search:
            named["search"] = [str(domain) for domain in seed.cloud.search]
        entry["nameservers"] = named
    return entry


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
            Command((tools.MV, "-f", fresh_image, image)),
            "its ISO file",
            unless=Not(FileExists(fresh_image)),
            durable=True,
        ),
    )
    return Plan("renew seed", name, "guest", steps, finish, op=op)
