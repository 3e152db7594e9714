"""CBSD's images of jails, as `cbsd jexport` makes them. Pure.

Read for this: CBSD 14.1 of October 2024 (jexport, jimport, imgpart, imghelper.c, jmkrcconf,
share/jail-arg). An image is text and archives between marks, each a line of its own:
___NCSTART_HEADER=1 … ___NCSTOP_HEADER=1, then RCCONF, FSTAB, PKGINFO, DESCR, INFO, LOCALFSTAB,
SYSDATA (a tar.gz) and DATA, which is a tar of NAME-data, by xz unless compress=0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign import assignments, params, rcconf
from bsdvirt.library.foreign.found import Draft, Found, Part, shown, truth
from bsdvirt.spec.stack import AliasAddress

TOOL = "cbsd"
BEGIN = b"___NCSTART_HEADER=1\n"
MOST_HEAD = 64 << 20
"""How much before its data an image may have: the archive of jails-system, with logs."""
PARTS = ("header", "rcconf", "fstab", "localfstab")
MOST_PART = 256 << 10
XZ = b"\xfd7zXZ\0"
_NOT_FOR_US = frozenset({
    "jname", "path", "data", "rcconf", "mount_fstab", "emulator", "arch", "basename", "applytpl",
    "hidden", "mkhostsfile", "relative_path", "floatresolv", "persist", "mount_devfs", "gid",
    "allow_dying", "allow_devfs", "jnameserver", "masterhost", "slavenode", "emulator_flags",
})  # fmt: skip
_PARAMS = {
    "allow_mount": "allow.mount", "allow_devfs": "allow.mount.devfs",
    "allow_nullfs": "allow.mount.nullfs", "allow_fdescfs": "allow.mount.fdescfs",
    "allow_fusefs": "allow.mount.fusefs", "allow_linprocfs": "allow.mount.linprocfs",
    "allow_linsysfs": "allow.mount.linsysfs", "allow_procfs": "allow.mount.procfs",
    "allow_tmpfs": "allow.mount.tmpfs", "allow_zfs": "allow.mount.zfs",
    "allow_raw_sockets": "allow.raw_sockets", "allow_read_msgbuf": "allow.read_msgbuf",
    "allow_reserved_ports": "allow.reserved_ports", "allow_sysvipc": "allow.sysvipc",
    "allow_unprivileged_proc_debug": "allow.unprivileged_proc_debug", "allow_vmm": "allow.vmm",
    "allow_mlock": "allow.mlock", "allow_nfsd": "allow.nfsd", "childrenmax": "children.max",
    "sysvsem": "sysvsem", "sysvshm": "sysvshm", "sysvmsg": "sysvmsg",
    "enforce_statfs": "enforce_statfs", "devfs_ruleset": "devfs_ruleset",
    "host_hostname": "host.hostname", "exec_start": "exec.start", "exec_stop": "exec.stop",
    "exec_timeout": "exec.timeout", "stop_timeout": "stop.timeout",
    "mount_fdescfs": "mount.fdescfs", "mount_procfs": "mount.procfs",
}  # fmt: skip
_ON_BY_DEFAULT = frozenset({
    "allow.set_hostname", "allow.reserved_ports", "allow.unprivileged_proc_debug",
})  # fmt: skip


def parts_of(head: bytes) -> dict[str, str]:
    """Return the text parts of an image's beginning."""
    found = {}
    for name in PARTS:
        begin, end = f"___NCSTART_{name.upper()}=1\n", f"___NCSTOP_{name.upper()}=1\n"
        start = head.find(begin.encode())
        stop = head.find(end.encode(), start + 1)
        if start >= 0 and 0 <= stop - start <= MOST_PART:
            found[name] = head[start + len(begin) : stop].decode("utf-8", "replace")
    return found


def data_of(head: bytes) -> Part | None:
    """Return where an image's data begin; None if that is not in its beginning."""
    mark = b"\n___NCSTART_DATA=1\n"
    at = head.find(mark)
    if at < 0:
        return None
    begin = at + len(mark)
    return Part("", begin, 0, "xz" if head[begin:].startswith(XZ) else "")


def read(parts: Mapping[str, str], data: Part | None, source: str) -> Found:
    """Return the jail in an image. Raise UsageError for an image of something else."""
    header = assignments.read(parts.get("header", ""), f"{source}: its header")
    config = assignments.read(parts.get("rcconf", ""), f"{source}: its rc.conf")
    kind = header.get("emulator") or config.get("emulator", "jail")
    name = header.get("jname") or config.get("jname", "")
    if kind != "jail":
        raise UsageError(
            f"{source} has a guest of {shown(kind)} of CBSD's, {shown(name)}",
            "copy each of its disks to a file, and import that",
        )
    if data is None:
        raise UsageError(f"{source} has no data of a jail where they belong", "export it again")
    draft = Draft()
    params.take(draft, _as_jail_conf(draft, config), _mounts(draft, parts, name))
    rcconf.take(draft, {})
    draft.auto = config.get("astart", "0") == "1"
    if config.get("protected") == "1":
        draft.settings["protected"] = True
    if config.get("cpuset", "0") not in ("0", ""):
        draft.cpuset(config["cpuset"].removeprefix("-l ").removeprefix("-c -l "))
    if config.get("baserw", "1") == "0":
        draft.note(
            f"its base system is shared (baserw=0) and not in the image: mount one of CBSD's at /,"
            f" or export it with baserw=1 (release {shown(config.get('ver', '?'))})"
        )
    return draft.found(TOOL, name, "jail", data)


def _mounts(draft: Draft, parts: Mapping[str, str], name: str) -> str:
    """Return the mounts that do not point into CBSD's own directory, CBSDROOT in an image."""
    lines = []
    for line in (parts.get("fstab", "") + "\n" + parts.get("localfstab", "")).splitlines()[:1000]:
        words = line.split()
        if len(words) < 3 or line.startswith("#"):
            continue
        if words[0].startswith("CBSDROOT"):
            draft.note(f"mount {shown(line)}: of CBSD's own directory")
            continue
        # Mount points are relative to the jail's root.
        place = words[1].removeprefix(f"CBSDROOT/jails/{name}")
        lines.append(" ".join((words[0], f"/{place.lstrip('/')}", *words[2:])))
    return "\n".join(lines)


def _as_jail_conf(draft: Draft, config: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in config.items():
        name = _PARAMS.get(key, "")
        if name.startswith("allow.") and truth(value) is not None:
            if truth(value) != (name in _ON_BY_DEFAULT):
                found[name] = ["true" if truth(value) else "false"]
        elif name and value not in ("", "0"):
            found[name] = [value]
        elif key.startswith("exec_") and not name and value not in ("", "0", "root"):
            draft.drop(key, value, "commands on the host are files: see hooks.starting.host")
    _network(draft, config, found)
    return found


def _network(draft: Draft, config: Mapping[str, str], found: dict[str, list[str]]) -> None:
    """`ip4_addr` holds addresses of both families, DHCP (from CBSD's own pool), or 0."""
    addresses = [one.strip() for one in config.get("ip4_addr", "0").split(",")]
    real = [one for one in addresses if one and one != "0" and "DHCP" not in one.upper()]
    device = config.get("interface", "auto")
    if config.get("vnet", "0") == "1":
        nic = params.nic(draft, device)
        for one in real:
            text = one.rpartition("#")[2]
            key = "address6" if ":" in text else "address"
            if key not in nic and re.fullmatch(r"[0-9a-fA-F:.]+/\d{1,3}", text):
                nic[key] = text
            else:
                draft.drop("ip4_addr", one)
        draft.settings |= {"stack": "vnet", "nics": [nic]}
        found["vnet"] = []
        return
    if not real:
        draft.settings["stack"] = "vnet"
        draft.settings["nics"] = [params.nic(draft, device)]
        draft.note("it had an address of CBSD's pool: it gets one of the network's")
        found["vnet"] = []
        return
    default = "" if device in ("auto", "0", "") else device
    found["interface"] = [default]
    for one in real:
        device, _, text = one.rpartition("#")
        key = "ip6.addr" if AliasAddress(text).version == 6 else "ip4.addr"
        found.setdefault(key, []).append(f"{device}|{text}" if device else text)
