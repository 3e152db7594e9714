"""The jail parameters of the simulated kernels, and jail(8)'s own."""

from __future__ import annotations

from functools import cache

from bsdvirt_sim.state import Host, Jail

# Of jail(8) itself: never passed to the kernel.
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
_ALLOW_13 = (
    "chflags", "mlock", "mount", "mount.devfs", "mount.nullfs", "mount.procfs", "mount.tmpfs",
    "mount.zfs", "quotas", "raw_sockets", "read_msgbuf", "reserved_ports", "set_hostname",
    "socket_af", "suser", "sysvipc", "unprivileged_proc_debug", "vmm",
)  # fmt: skip
_ALLOW = {
    "13.2": _ALLOW_13,
    "15.1": (
        *(name for name in _ALLOW_13 if name != "mount.nullfs"), "adjtime", "extattr",
        "mount.fdescfs", "nfsd", "routing", "setaudit", "settime",
        "unprivileged_parent_tampering", "vmm_ppt",
    ),
}  # fmt: skip
_LOADABLE = {
    "13.2": {"allow.mount.fdescfs"},
    "15.1": {"allow.mount.nullfs", "allow.mount.linprocfs"},
}
"""libjail loads the module of such a parameter when it is used."""
_DEFAULTS = {
    "devfs_ruleset": "0", "enforce_statfs": "2", "host": "new", "ip4": "inherit",
    "ip6": "inherit", "securelevel": "-1", "sysvmsg": "disable", "sysvsem": "disable",
    "sysvshm": "disable", "vnet": "inherit", "zfs": "new", "children.max": "0",
    "host.domainname": "", "host.hostid": "0", "host.hostname": "",
    "host.hostuuid": "00000000-0000-0000-0000-000000000000", "zfs.mount_snapshot": "0",
}  # fmt: skip
_MORE = {"15.1": {"env": "", "meta": ""}}
_KEYED = {"env", "meta"}
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


class Params:
    """The parameters of a release's kernel."""

    def __init__(self, version: str) -> None:
        self.booleans = {"persist": False}
        self.booleans |= {f"allow.{name}": name in _ALLOW_ON for name in _ALLOW[version]}
        self.loadable = _LOADABLE[version]
        self.defaults = _DEFAULTS | _MORE.get(version, {})
        self.all = sorted(
            {*self.booleans, *self.defaults, "jid", "name", "path", "osrelease", "osreldate"},
            key=lambda name: ("." in name, name),
        )
        """The parameters that `jls -s` prints, in its order."""

    def known(self, name: str) -> bool:
        """Whether the kernel has a parameter of that (positive) name."""
        return (
            name in self.booleans
            or name in self.defaults
            or name in _READ_ONLY
            or name in ADDRESSES
            or name in self.loadable
            or bool(self.key_of(name))
        )

    def key_of(self, name: str) -> str:
        """Return the key of a parameter such as env.KEY (kvname in jail.c); empty for another."""
        head, _, key = name.partition(".")
        return key if head in _KEYED and head in self.defaults else ""

    def boolean(self, jail: Jail, name: str) -> bool:
        """Return a boolean parameter of a jail."""
        if name == "dying":
            return jail.dying
        default = str(self.booleans.get(name, False)).lower()
        return jail.params.get(name, default) == "true"

    def is_boolean(self, name: str) -> bool:
        return name in self.booleans or name in self.loadable or name == "dying"

    def value(self, state: Host, jail: Jail, name: str) -> str:
        """Return a parameter of a jail that is not a boolean, as jls shows it."""
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
        return jail.params.get(name, self.defaults[name])


@cache
def of(version: str) -> Params:
    """Return the parameters of a release."""
    return Params(version)


def addresses(jail: Jail, name: str) -> list[str]:
    return jail.ip4 if name == "ip4.addr" else jail.ip6
