"""What a copy of a jail's root must not share with the jail that it was copied from: host keys,
machine ids, DHCP leases. Pure.

sshd(8) makes new keys at its next start (rc.d/sshd); dbus makes another machine id. On Linux,
systemd fills an empty /etc/machine-id (machine-id(5)), and the keys are made by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.clone import Setting
from bsdvirt.plan.step import RemoveFile, Step, WriteFile
from bsdvirt.spec.jail import Jail

MOST_NAMES = 4096
"""Names of a directory that are looked at."""
MOST_FILES = 256
MACHINE_ID = "etc/machine-id"
SSH_KEYS = "ssh_host_*"
RC_FILES = ("etc/rc.conf", "etc/rc.conf.local")
_PLACES = (("etc/ssh", SSH_KEYS), ("etc", "machine-id"))
_FREEBSD = (
    ("usr/local/etc/ssh", SSH_KEYS),
    ("etc", "hostid"),
    ("var/db/dbus", "machine-id"),
    ("var/lib/dbus", "machine-id"),
    ("var/db", "dhclient.leases*"),
    ("var/db", "dhcp6c_duid"),
    ("var/db/dhcpcd", "*.lease*"),
    ("var/db/dhcpcd", "duid"),
    ("var/db/dhcpcd", "secret"),
)
_LINUX = (
    ("var/lib/dbus", "machine-id"),
    ("var/lib/dhcp", "*.lease*"),
    ("var/lib/dhclient", "*.lease*"),
    ("var/lib/dhcpcd", "*.lease*"),
    ("var/lib/dhcpcd", "duid"),
    ("var/lib/dhcpcd", "secret"),
    ("var/lib/NetworkManager", "*.lease"),
    ("var/lib/NetworkManager", "secret_key"),
    ("var/lib/systemd", "random-seed"),
)
_HOSTNAME = re.compile(r"""^\s*hostname=(["']?)(?P<name>[^"'#\s;]*)\1\s*(#.*)?$""", re.MULTILINE)


class PrivateFacts(Struct, frozen=True):
    """What of it a root holds."""

    files: tuple[str, ...] = ()
    """Regular files, by their paths beneath the root."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The texts of its rc.conf(5) files."""


def places_of(jail: Jail) -> tuple[tuple[str, str], ...]:
    """Return the directories beneath a root and the patterns of the names in each. Of a userland
    that is not known, nothing is."""
    match jail.userland:
        case "freebsd":
            return (*_PLACES, *_FREEBSD)
        case "linux":
            return (*_PLACES, *_LINUX)
        case _:
            return ()


def clear(guest: Guest, jail: Jail, facts: PrivateFacts, old: Iterable[str]) -> Setting:
    """Remove from the root of a copy what is not its own. `old` are host names of the jail that it
    was copied from."""
    if jail.userland == "none":
        return Setting(notes=("its userland is not known: keys and ids in its root are kept",))
    files = facts.files[:MOST_FILES]
    notes = list(_name_notes(guest, facts, set(old)))
    if len(facts.files) > len(files):
        notes.append(f"of {len(facts.files)} keys and leases, {len(files)} are removed")
    keys = any(_is_key(path) for path in files)
    if keys and jail.userland == "linux":
        notes.append(
            "its SSH host keys are removed: once it runs,"
            f" bsdvirt exec {guest.name} -- ssh-keygen -A makes new ones"
        )
    return Setting(tuple(_removal(guest, jail, path) for path in files), tuple(notes))


def _removal(guest: Guest, jail: Jail, path: str) -> Step:
    if path == MACHINE_ID and jail.userland == "linux":
        emptied = WriteFile(path, "", 0o444, beneath=guest.root)
        return Step(emptied, "no machine id: one is made at its next start", durable=True)
    what = "a host key" if _is_key(path) else f"/{path}"
    return Step(
        RemoveFile(path, beneath=guest.root),
        f"{what} that is not its own",
        durable=True,
    )


def _is_key(path: str) -> bool:
    return path.rpartition("/")[2].startswith(SSH_KEYS[:-1])


def _name_notes(guest: Guest, facts: PrivateFacts, old: set[str]) -> Iterable[str]:
    for path, text in facts.settings.items():
        if any(found["name"] in old for found in _HOSTNAME.finditer(text)):
            yield (
                f"its /{path} has another jail's hostname;"
                f" bsdvirt sysrc {guest.name} hostname={guest.name}, once it runs"
            )
