"""Check conditions on the host before a step or an undo."""

from __future__ import annotations

from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.mount import beneath, read_mounts
from bsdvirt.facts.rctl import read_rules
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.plan.step import (
    AddressExists,
    DatasetExists,
    DatasetMounted,
    DatasetOwned,
    FileExists,
    InterfaceExists,
    InterfaceMtu,
    JailExists,
    LimitsExist,
    Locked,
    Look,
    Mounted,
    MountedBeneath,
    Not,
    OriginIs,
    SnapshotHeld,
    SnapshotIs,
)
from bsdvirt.zfs.cli import CliZfs

OP_PROPERTY = "bsdvirt:op"


def holds(host: Host, look: Look | None) -> bool:
    """Whether the condition holds now; None always holds."""
    match look:
        case None:
            return True
        case Not(look=inner):
            return not holds(host, inner)
        case DatasetOwned(dataset=dataset, op=op) if "@" in dataset:
            return _value(host, OP_PROPERTY, dataset, "-s", "local") == op
        case SnapshotIs(snapshot=snapshot, guid=guid):
            return _value(host, "guid", snapshot) == str(guid)
        case SnapshotHeld(snapshot=snapshot, tagged=tag):
            # Imported here: the plans of a stop hold nothing.
            from bsdvirt.zfs.reclaim import read_holds_of

            return tag in read_holds_of(host, snapshot)
        case OriginIs(dataset=dataset, snapshot=snapshot):
            return _value(host, "origin", dataset) == snapshot
        case DatasetOwned(dataset=dataset, op=op):
            return CliZfs(host).local(dataset, OP_PROPERTY) == op
        case DatasetExists(dataset=dataset):
            argv = (tools.ZFS, "list", "-Hp", "-o", "name", dataset)
            return host.run(argv, changes=False).status == 0
        case DatasetMounted(dataset=dataset):
            return any(m.source == dataset and m.kind == "zfs" for m in read_mounts(host))
        case InterfaceExists(name=name):
            return host.run((tools.IFCONFIG, name), changes=False).status == 0
        case InterfaceMtu(name=name, mtu=mtu):
            interface = read_interfaces(host).get(name)
            return interface is not None and interface.mtu == mtu
        case AddressExists(interface=name, address=address):
            interface = read_interfaces(host).get(name)
            return interface is not None and address in interface.addresses
        case JailExists(name=name, path=path):
            jail = read_jails(host).get(name)
            return jail is not None and not jail.dying and jail.path == path
        case Mounted(path=path):
            return any(mount.path == path for mount in read_mounts(host))
        case MountedBeneath(path=path, but=but, kinds=kinds):
            return bool(beneath(read_mounts(host), path, but, kinds))
        case LimitsExist(subject=subject, rule=wanted):
            return any(
                rule.subject == subject and wanted in ("", rule.kind, rule.words)
                for rule in read_rules(host)
            )
        case FileExists(path=path):
            return host.fs.exists(path)
        case Locked(paths=paths):
            return any(host.fs.is_locked(path) for path in paths)


def _value(host: Host, name: str, dataset: str, *options: str) -> str:
    """Return a property of a dataset or snapshot; "" also if that does not exist."""
    argv = (tools.ZFS, "get", "-Hp", "-o", "value", *options, name, dataset)
    result = host.run(argv, changes=False)
    return result.stdout.removesuffix("\n") if result.status == 0 else ""
