"""The jail parameters of the simulated kernel, and jail(8)'s own."""

from __future__ import annotations

from bsdvirt.host.sim.state import Host, Jail

# Of jail(8) itself: never given to the kernel.
INTERNAL = {
    "allow.dying", "command", "depend", "exec.clean", "exec.consolelog", "exec.fib",
    "exec.jail_user", "exec.poststart", "exec.poststop", "exec.prepare", "exec.prestart",
    "exec.prestop", "exec.release", "exec.created", "exec.start", "exec.stop",
    "exec.system_jail_user", "exec.system_user", "exec.timeout", "interface", "ip_hostname",
    "mount", "mount.devfs", "mount.fdescfs", "mount.procfs", "mount.fstab", "stop.timeout",
    "vnet.interface",
}  # fmt: skip
SIMULATED = INTERNAL - {
    "allow.dying", "command", "depend", "exec.fib", "exec.jail_user",
    "exec.system_user", "interface", "ip_hostname", "mount.fstab",
}  # fmt: skip

_ALLOW_ON = {"reserved_ports", "set_hostname", "suser", "unprivileged_proc_debug"}
_ALLOW = (
    "chflags", "mlock", "mount", "mount.devfs", "mount.nullfs", "mount.procfs", "mount.tmpfs",
    "mount.zfs", "quotas", "raw_sockets", "read_msgbuf", "reserved_ports", "set_hostname",
    "socket_af", "suser", "sysvipc", "unprivileged_proc_debug", "vmm",
)  # fmt: skip
BOOLEANS = {"persist": False} | {f"allow.{name}": name in _ALLOW_ON for name in _ALLOW}
# libjail loads the module of this one when it is named.
LOADABLE = {"allow.mount.fdescfs"}
_DEFAULTS = {
    "devfs_ruleset": "0", "enforce_statfs": "2", "host": "new", "ip4": "inherit",
    "ip6": "inherit", "securelevel": "-1", "sysvmsg": "disable", "sysvsem": "disable",
    "sysvshm": "disable", "vnet": "inherit", "zfs": "new", "children.max": "0",
    "host.domainname": "", "host.hostid": "0", "host.hostname": "",
    "host.hostuuid": "00000000-0000-0000-0000-000000000000", "zfs.mount_snapshot": "0",
}  # fmt: skip
_READ_ONLY = {
    "jid",
    "name",
    "path",
    "dying",
    "parent",
    "cpuset.id",
    "children.cur",
    "osrelease",
    "osreldate",
}
ADDRESSES = {"ip4.addr", "ip6.addr"}
SYSTEMS = {"host", "ip4", "ip6", "sysvmsg", "sysvsem", "sysvshm", "vnet", "zfs"}

ALL = sorted(
    {*BOOLEANS, *_DEFAULTS, "jid", "name", "path", "osrelease", "osreldate"},
    key=lambda name: ("." in name, name),
)
"""What `jls -s` goes through, in its order."""


def known(name: str) -> bool:
    """Whether the kernel has a parameter of that (positive) name."""
    return (
        name in BOOLEANS
        or name in _DEFAULTS
        or name in _READ_ONLY
        or name in ADDRESSES
        or name in LOADABLE
    )


def boolean(jail: Jail, name: str) -> bool:
    """A boolean parameter of a jail."""
    if name == "dying":
        return jail.dying
    return jail.params.get(name, str(BOOLEANS.get(name, False)).lower()) == "true"


def is_boolean(name: str) -> bool:
    return name in BOOLEANS or name in LOADABLE or name == "dying"


def value(state: Host, jail: Jail, name: str) -> str:
    """A parameter of a jail that is not a boolean, as jls shows it."""
    match name:
        case "jid":
            return str(jail.jid)
        case "name":
            return jail.name
        case "path":
            return jail.path
        case "cpuset.id":
            return str(jail.cpuset)
        case "parent" | "children.cur":
            return "0"
        case "osrelease":
            return jail.params.get(name, state.release)
        case "osreldate":
            return jail.params.get(name, str(state.osreldate))
    return jail.params.get(name, _DEFAULTS[name])


def addresses(jail: Jail, name: str) -> list[str]:
    return jail.ip4 if name == "ip4.addr" else jail.ip6
