"""The parameters of jail(8) that can be set below `params`.

The table is that of FreeBSD 13.2 (usr.sbin/jail/jail.8, sys/kern/kern_jail.c and the modules
that add their own), with what later releases added. It has types and help; the parameters of a
kernel are those of `sysctl -N security.jail.param`: see check_params.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import BadValueError, did_you_mean, shown, type_word

Scalar = bool | int | str
LATER = "after 13.2"
YES = frozenset({"true", "yes", "on", "1"})
NO = frozenset({"false", "no", "off", "0"})
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z0-9_]+)*", re.ASCII)
OF_VMM = ("allow.vmm", "allow.vmm_ppt")
"""Parameters that vmm(4) adds (vmmdev_init in vmm_dev.c)."""
_SYSCTL = "security.jail.param."


class Param(msgspec.Struct, frozen=True):
    """A parameter of jail(8). `since` is the first release with it, if later than 13.2."""

    help: str
    kind: Literal["flag", "int", "enum", "string"] = "flag"
    choices: tuple[str, ...] = ()
    ge: int = 0
    le: int = 2**31 - 1
    longest: int = 255
    since: str = ""

    @property
    def words(self) -> str:
        """The type for people."""
        kinds = {"flag": "true | false", "int": f"integer {self.ge}..{self.le}", "string": "text"}
        return " | ".join(self.choices) or kinds[self.kind]


def _own(what: str) -> Param:
    words = f"The jail's own {what}: none, its own set, or the host's."
    return Param(words, "enum", ("new", "inherit", "disable"))


def _mount(what: str) -> Param:
    return Param(f"Root may mount {what}, given allow.mount and enforce_statfs below 2.")


def _later(help: str) -> Param:
    return Param(help, since=LATER)


_ORIGIN = ("new", "inherit")

PARAMS: dict[str, Param] = {
    "host.hostuuid": Param("UUID that the jail sees as its host's.", "string", longest=63),
    "host.hostid": Param("Number that the jail sees as its host's.", "int", le=2**32 - 1),
    "host.domainname": Param("NIS domain name of the jail.", "string"),
    "securelevel": Param("Secure level, never below the host's.", "int", ge=-1, le=3),
    "children.max": Param("Number of jails that it may have; 0 for none.", "int", le=999_999),
    "enforce_statfs": Param(
        "Mount points that it sees: 0 all, 1 those below its root, 2 its root only.",
        "int",
        le=2,
    ),
    "osrelease": Param("Output of uname -r in it.", "string", longest=31),
    "osreldate": Param("Output of uname -K in it.", "int", ge=1),
    "allow.set_hostname": Param("Root may change the host name."),
    "allow.sysvipc": Param(
        "All of System V IPC, shared with the host; sysvmsg, sysvsem and sysvshm replace it."
    ),
    "allow.raw_sockets": Param("Root may open raw sockets; always so with its own network stack."),
    "allow.chflags": Param("Root may change the system's file flags."),
    "allow.mount": Param(
        "Root may mount file systems that are jail-friendly, with enforce_statfs below 2."
    ),
    "allow.quotas": Param("Root may manage quotas, on shared file systems too."),
    "allow.read_msgbuf": Param("Users may read the kernel's messages."),
    "allow.socket_af": Param("Sockets of other families than IPv4, IPv6, local and route."),
    "allow.mlock": Param("Users may lock memory, within their limits."),
    "allow.reserved_ports": Param("Root may bind ports below 1024."),
    "allow.unprivileged_proc_debug": Param("Users may debug their own processes."),
    "allow.suser": Param("The super-user has its powers in the jail."),
    "allow.vmm": Param("It may run virtual machines; a start loads vmm(4)."),
    "allow.mount.devfs": _mount("devfs"),
    "allow.mount.fdescfs": _mount("fdescfs"),
    "allow.mount.fusefs": _mount("file systems of FUSE"),
    "allow.mount.nullfs": _mount("nullfs"),
    "allow.mount.procfs": _mount("procfs"),
    "allow.mount.linprocfs": _mount("linprocfs"),
    "allow.mount.linsysfs": _mount("linsysfs"),
    "allow.mount.tmpfs": _mount("tmpfs"),
    "allow.mount.zfs": _mount("ZFS datasets delegated to it"),
    "linux": Param("Linux emulation settings of its own, or the host's.", "enum", _ORIGIN),
    "linux.osname": Param("Operating system that Linux programs see.", "string", longest=64),
    "linux.osrelease": Param("Kernel release that Linux programs see.", "string", longest=64),
    "linux.oss_version": Param("Version of OSS that Linux programs see.", "int"),
    "sysvmsg": _own("System V message queues"),
    "sysvsem": _own("System V semaphores"),
    "sysvshm": _own("System V shared memory"),
    "zfs": Param("ZFS settings of its own, or the host's.", "enum", _ORIGIN),
    "zfs.mount_snapshot": Param(
        "1 permits access to .zfs of datasets that are not delegated.", "int", le=1
    ),
    "allow.nfsd": _later("It may run an NFS server."),
    "allow.extattr": _later("Root may change system extended attributes."),
    "allow.adjtime": _later("Root may slew the host's clock."),
    "allow.settime": _later("Root may set the host's clock."),
    "allow.routing": _later("Root may change the host's routes, in a jail without its own stack."),
    "allow.setaudit": _later("Root may set audit sessions."),
    "allow.unprivileged_parent_tampering": _later("The host's users may act on its processes."),
    "allow.vmm_ppt": _later("Its virtual machines may have PCI devices of the host."),
    "mac.do": Param(
        "Rules of mac_do(4) of its own, the host's, or none.",
        "enum",
        ("new", "inherit", "disable"),
        since=LATER,
    ),
    "mac.do.rules": Param("Rules of mac_do(4).", "string", longest=1000, since=LATER),
    "meta": Param(
        "Free text stored with the jail; jls(8) shows it to all users of the host.",
        "string",
        longest=4000,
        since="15.0",
    ),
    "env": Param(
        "Free text stored with the jail, readable in it; jls(8) shows it to all users of the host.",
        "string",
        longest=4000,
        since="15.0",
    ),
}

RESERVED: dict[str, str] = {
    "name": "the guest's name is the jail's",
    "jid": "jails are addressed by name",
    "path": "the root is in the guest's dataset",
    "host": "every jail has a host name of its own",
    "host.hostname": "set hostname",
    "vnet": "set stack",
    "vnet.interface": "set nics",
    "ip4": "set stack",
    "ip4.addr": "set nics.0.address, or addresses with stack=shared",
    "ip4.saddrsel": "set nics",
    "ip6": "set stack",
    "ip6.addr": "set nics.0.address6, or addresses with stack=shared",
    "ip6.saddrsel": "set nics",
    "interface": "set nics.0.network, or addresses with stack=shared",
    "ip_hostname": "set nics.0.address",
    "persist": "bsdvirt always sets it",
    "devfs_ruleset": "set devfs_ruleset at the top, not under params",
    "command": "set exec.start",
    "exec.start": "set exec.start at the top, not under params",
    "exec.stop": "set exec.stop at the top, not under params",
    "exec.timeout": "set exec.timeout at the top, not under params",
    "stop.timeout": "set stop.grace",
    "depend": "set boot.after",
    "cpuset.id": "set cpuset",
    "children.cur": "it can only be read; set children.max",
    "parent": "it can only be read",
    "dying": "it can only be read",
    "allow.dying": "bsdvirt waits for a dying jail",
    "zfs.dataset": "set datasets",
    "exec.prestart": "set hooks.starting.host",
    "exec.created": "set hooks.starting.host",
    "exec.poststart": "set hooks.started.host or hooks.started.guest",
    "exec.prestop": "set hooks.stopping.host or hooks.stopping.guest",
    "exec.poststop": "set hooks.stopped.host",
    "exec.release": "set hooks.stopped.host",
    "exec.consolelog": "bsdvirt logs NAME prints the output of start and stop",
    "exec.jail_user": "set run_user",
    "exec": "only exec.start, exec.stop and exec.timeout can be set",
    "mount": "set mounts",
}
"""The parameters that bsdvirt sets, and what to do instead. `exec` and `mount` mean all
parameters that begin with them."""


def reserved(name: str) -> str:
    """Return what to do instead of setting a parameter; empty if it can be set."""
    return RESERVED.get(name) or RESERVED.get(name.partition(".")[0], "") * (
        name.startswith(("exec.", "mount."))
    )


def known(name: str) -> Param | None:
    """Return the entry of a parameter; keys below `meta` and `env` have theirs."""
    head = name.partition(".")[0]
    return PARAMS.get(head if head in ("meta", "env") else name)


def is_free_text(name: str) -> bool:
    """Return whether a parameter is `meta` or `env`, or a key below them."""
    return name.partition(".")[0] in ("meta", "env")


def without_no(name: str) -> str:
    """Return `allow.raw_sockets` for `allow.noraw_sockets`; empty for a name without `no`."""
    head, dot, last = name.rpartition(".")
    return head + dot + last[2:] if last.startswith("no") else ""


def with_no(name: str) -> str:
    """Return `allow.mount.nodevfs` for `allow.mount.devfs`: libjail puts `no` before the last
    part."""
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}no{last}"


def parse_param(name: str, value: object) -> Scalar:
    """Return the value of a parameter, checked by the table if it is in there. Raise
    BadValueError."""
    if _NAME.fullmatch(name) is None or len(name) > 100:
        raise BadValueError(f"{shown(name)} is not the name of a jail(8) parameter")
    positive = without_no(name)
    hint = reserved(name) or (positive and reserved(positive))
    if hint:
        raise BadValueError("this jail(8) parameter is set by bsdvirt", at=name, hint=hint)
    if positive in PARAMS:
        raise BadValueError("write it without `no`", at=name, hint=f"{positive}: false")
    try:
        param = known(name)
        return _scalar(value) if param is None else _typed(param, value)
    except BadValueError as error:
        raise BadValueError(
            str(error), at=name, hint=error.hint or (param.help if param else "")
        ) from None


def _scalar(value: object) -> Scalar:
    if isinstance(value, str):
        if not value.isprintable():
            raise BadValueError("jail.conf cannot hold control characters")
        return str(value)
    if isinstance(value, bool | int):
        return value
    hint = "write each parameter's whole name, as allow.raw_sockets: true" * isinstance(value, dict)
    raise BadValueError(f"expected one value, got {type_word(value)}", hint=hint)


def _typed(param: Param, value: object) -> Scalar:
    given = _scalar(value)
    word = str(given).lower()
    if param.kind == "flag" and word in YES | NO:
        return word in YES
    if param.kind == "int" and not isinstance(given, bool) and re.fullmatch("-?[0-9]{1,19}", word):
        if not param.ge <= int(word) <= param.le:
            raise BadValueError(f"{word} is out of range: expected {param.words}")
        return int(word)
    if param.kind == "enum" and given in param.choices:
        return given
    if param.kind == "string" and not isinstance(given, bool):
        if len(word) > param.longest:
            raise BadValueError(f"longer than {param.longest} characters")
        return str(given)
    raise BadValueError(f"expected {param.words}, got {shown(given)}")


class JailParams(Mapping[str, Scalar]):
    """Parameters of jail(8) by name, immutable."""

    __slots__ = ("_items",)
    words: ClassVar[str] = "jail(8) parameters"

    def __init__(self, items: Mapping[str, Scalar] | None = None) -> None:
        self._items: dict[str, Scalar] = dict(items or {})

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the parameters of a mapping. Raise BadValueError. Any well-formed name is
        accepted: see check_params."""
        if not isinstance(value, Mapping):
            raise BadValueError(f"expected a mapping of jail(8) parameters, got {type_word(value)}")
        return cls({str(name): parse_param(str(name), given) for name, given in value.items()})

    def __getitem__(self, name: str) -> Scalar:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"JailParams({self._items!r})"

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema: the table, and any parameter of other kernels."""
        return {
            "type": "object",
            "properties": {name: _param_schema(param) for name, param in PARAMS.items()},
            "propertyNames": {"not": {"enum": sorted(RESERVED)}},
            "additionalProperties": {"type": ["boolean", "integer", "string"]},
        }


def _param_schema(param: Param) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "flag": {"enum": [True, False, 0, 1, *sorted(YES | NO)]},
        "int": {"type": "integer", "minimum": param.ge, "maximum": param.le},
        "enum": {"enum": list(param.choices)},
        "string": {"type": ["string", "integer"], "maxLength": param.longest},
    }
    return {**kinds[param.kind], "description": param.help}


def jail_conf_value(name: str, value: Scalar) -> tuple[str, str | None]:
    """Return the name and value of a parameter in jail.conf; the value is None for a boolean,
    and not quoted. `allow.raw_sockets: false` is `allow.noraw_sockets`."""
    if value is True:
        return name, None
    return (with_no(name), None) if value is False else (name, str(value))


def loaded_on_demand(name: str) -> bool:
    """Return whether libjail loads the module of a parameter (kldload_param in jail.c)."""
    return name in ("linux", "sysvmsg", "sysvsem", "sysvshm") or name.startswith(
        ("linux.", "allow.mount.")
    )


def needs_vmm(params: Mapping[str, Scalar]) -> bool:
    """Return whether a jail may run virtual machines: the kernel has these parameters while vmm(4)
    is loaded."""
    return any(params.get(name) not in (None, False) for name in OF_VMM)


def check_params(params: Mapping[str, Scalar], kernel_names: Iterable[str]) -> tuple[str, ...]:
    """Return notes on these parameters on this kernel, one sentence each. `kernel_names` are
    the lines of `sysctl -N security.jail.param`. Raise UsageError for a name that neither
    the kernel nor the table has."""
    refused = [why for _, why in unknown_params(params, kernel_names)]
    return (*refused, *_mount_notes(params))


def unknown_params(
    params: Mapping[str, Scalar], kernel_names: Iterable[str]
) -> list[tuple[str, str]]:
    """Return the parameters that jail(8) will refuse on this kernel, each with the reason.
    Raise UsageError as check_params does."""
    kernel = {name.strip().removeprefix(_SYSCTL).rstrip(".") for name in kernel_names}
    refused = []
    for name in params:
        entry = name.partition(".")[0] if name.startswith(("meta.", "env.")) else name
        if entry in kernel or (loaded_on_demand(name) and known(name)):
            continue
        if name in OF_VMM and OF_VMM[0] not in kernel:
            # A start loads vmm(4).
            continue
        param = known(name)
        if param is None:
            hint = did_you_mean(name, sorted(kernel | PARAMS.keys()))
            raise UsageError(f"params.{name}: no such jail(8) parameter on this host", hint)
        since = f"; FreeBSD has it {param.since}" if param.since == LATER else ""
        since = since or (f"; FreeBSD has it since {param.since}" if param.since else "")
        why = f"params.{name}: this kernel has no such parameter, so jail(8) will refuse it{since}"
        refused.append((name, why))
    return refused


def _mount_notes(params: Mapping[str, Scalar]) -> Iterator[str]:
    """Yield why a permission to mount has no effect (jail.8 of 13.2, allow.mount)."""
    mounts = [name for name in params if name.startswith("allow.mount") and params[name] is True]
    if mounts and params.get("enforce_statfs", 2) == 2:
        yield f"params.{mounts[0]}: it has no effect unless params.enforce_statfs is 0 or 1"
    if mounts and params.get("allow.mount") is not True:
        yield f"params.{mounts[0]}: it has no effect without params.allow.mount: true"
