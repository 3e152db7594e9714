"""The properties of a jail."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from bsdvirt.spec.base import COMMAND, MOST, RELEASE, BadValueError, Live, Names, Spec, prop
from bsdvirt.spec.becomes import GuestFile, JailParam, made_by
from bsdvirt.spec.guest import MOST_NICS, GuestSpec, Stop
from bsdvirt.spec.hooks import JailHooks
from bsdvirt.spec.limits import JailLimits
from bsdvirt.spec.mounts import Mount, check_mounts
from bsdvirt.spec.nic import Nic as Nic
from bsdvirt.spec.nic import refuse_user_networking
from bsdvirt.spec.restart import JailRestart
from bsdvirt.spec.stack import (
    JAIL_RULESET,
    VNET_RULESET,
    SharedAddress,
    Stack,
    check_interfaces,
    check_stack,
)
from bsdvirt.spec.storage import (
    Atime,
    Compress,
    Delegated,
    Quota,
    Record,
    Refquota,
    Reservation,
    check_datasets,
)
from bsdvirt.spec.types import (
    HostName,
    InterfaceName,
    IpAddress,
    JailParams,
    TimeZone,
    UserName,
)

Command = Annotated[str, msgspec.Meta(pattern=COMMAND)]


class Resolver(Spec, frozen=True, kw_only=True):
    """/etc/resolv.conf of the jail."""

    mode: Annotated[
        Literal["host", "own", "keep"],
        prop(
            "Contents of /etc/resolv.conf: `host` copies the host's at each start, `own` writes "
            "`servers` and `search`, `keep` does not change the jail's file.",
            becomes=GuestFile("/etc/resolv.conf"),
        ),
    ] = "host"
    servers: Annotated[list[IpAddress], prop("Name servers, with `own`.", max_length=3)] = []
    search: Annotated[list[HostName], prop("Search domains, with `own`.", max_length=6)] = []

    def __post_init__(self) -> None:
        if self.mode == "own" and not self.servers:
            raise BadValueError(
                "`mode: own` needs servers", at="servers", hint="as servers: [9.9.9.9]"
            )
        for name in ("servers", "search"):
            if self.mode != "own" and getattr(self, name):
                raise BadValueError(
                    f"`mode: {self.mode}` does not use it", at=name, hint="set mode to own"
                )


class Commands(Spec, frozen=True, kw_only=True):
    """The commands that jail(8) runs; each is a line for /bin/sh."""

    start: Annotated[
        list[Command],
        prop(
            "Command lines to run in the jail at its start.",
            becomes=JailParam("exec.start", by="jail.command"),
        ),
    ] = msgspec.field(default_factory=lambda: ["/bin/sh /etc/rc"])
    stop: Annotated[
        list[Command],
        prop(
            "Command lines to run in the jail at its stop.",
            becomes=JailParam("exec.stop", by="jail.command"),
        ),
    ] = msgspec.field(default_factory=lambda: ["/bin/sh /etc/rc.shutdown jail"])
    timeout: Annotated[
        int,
        prop(
            "Time limit for each start command.",
            unit="s",
            ge=1,
            le=MOST,
            becomes=JailParam("exec.timeout"),
        ),
    ] = 300


class JailStop(Stop, frozen=True, kw_only=True):
    """How a jail is stopped."""

    grace: Annotated[
        int,
        prop(
            "Time between SIGTERM and SIGKILL for the remaining processes.",
            unit="s",
            ge=0,
            le=600,
            becomes=JailParam("stop.timeout"),
        ),
    ] = 10


NO_RELEASE = "none"
"""The `release` of a jail whose root was not created from a release."""


class Jail(GuestSpec, frozen=True, kw_only=True, tag_field="kind", tag="jail"):
    """A jail."""

    head = ("release", "userland")
    release: Annotated[
        str,
        prop(
            "Release that the root was created from.",
            live=Live.NEVER,
            names=Names.RELEASE,
            pattern=RELEASE,
        ),
    ]
    userland: Annotated[
        Literal["freebsd", "linux", "none"],
        prop(
            "Userland in the root: `freebsd`; `linux`, which runs under linux(4), with "
            "the file systems that Linux programs expect; `none` for anything else.",
            becomes=made_by("jail.conf", JailParam, "exec.clean"),
        ),
    ] = "freebsd"
    hosts: (
        Annotated[
            Literal["own", "keep"],
            prop(
                "`own` maintains a line with its host name and address in its "
                "/etc/hosts, `keep` does not change that file; the default is `own` for "
                "a root from a release.",
            ),
        ]
        | None
    ) = None
    timezone: Annotated[
        TimeZone,
        prop(
            "Time zone, such as UTC or Europe/Berlin: a link to the data in its root. "
            "`host` sets the host's time zone in a root from a release that has none.",
        ),
    ] = TimeZone("host")
    stack: Annotated[
        Stack,
        prop(
            "Network stack: `vnet` its own, `inherit` the host's with all its "
            "addresses, `shared` the host's with those of `addresses` only, `none` no "
            "network.",
            becomes=made_by("jail.stack", JailParam, "vnet", "ip4", "ip6"),
        ),
    ] = "vnet"
    addresses: Annotated[
        list[SharedAddress],
        prop(
            "Addresses of the jail on the host's stack, with `stack: shared`.",
            max_length=64,
            becomes=made_by("jail.stack", JailParam, "ip4.addr", "ip6.addr"),
        ),
    ] = []
    interfaces: Annotated[
        list[InterfaceName],
        prop(
            "Interfaces of the host that are moved into the jail while it runs, such as "
            "em1 or vlan20; the jail configures them itself, in its rc.conf.",
            becomes=JailParam("vnet.interface", by="jail.stack"),
            max_length=8,
            names=Names.INTERFACE,
        ),
    ] = []
    mounts: Annotated[
        list[Mount],
        prop(
            "File systems mounted in the jail while it runs.",
            max_length=64,
            becomes=made_by("jail.conf", JailParam, "mount", "mount.fdescfs"),
        ),
    ] = []
    datasets: Annotated[
        list[Delegated],
        prop(
            "Datasets that the jail mounts and manages itself.",
            max_length=32,
            becomes=made_by(
                "jail.datasets", JailParam, "allow.mount", "allow.mount.zfs", "enforce_statfs"
            ),
        ),
    ] = []
    reservation: Reservation = None
    quota: Quota = None
    refquota: Refquota = None
    compression: Compress = None
    recordsize: Record = None
    atime: Atime = None
    resolver: Annotated[Resolver, prop("Name service.")] = Resolver()
    devfs_ruleset: (
        Annotated[
            int,
            prop(
                "Devfs ruleset of its /dev, by default 5 with its own network stack and "
                "4 without. A ruleset that does not exist would hide nothing: the jail "
                "is not started.",
                ge=1,
                le=65535,
                becomes=JailParam("devfs_ruleset", of="ruleset"),
            ),
        ]
        | None
    ) = None
    params: Annotated[
        JailParams,
        prop("Parameters of jail(8), such as allow.raw_sockets: true."),
    ] = JailParams()
    exec: Annotated[Commands, prop("Commands that start and stop the jail.")] = Commands()
    run: Annotated[
        Command | None,
        prop(
            "Main command, in place of /etc/rc: a command line for the jail's /bin/sh "
            "(a program and its arguments if there is none), supervised and logged; the "
            "jail ends with it."
        ),
    ] = None
    run_user: Annotated[
        UserName,
        prop(
            "User of the jail that runs it, in the user's home directory, or in / if there is none."
        ),
    ] = UserName("root")
    hostname: Annotated[
        HostName | None, prop(becomes=JailParam("host.hostname", by="jail.conf"))
    ] = None
    nics: Annotated[
        list[Nic],
        prop(
            "Network interfaces; a jail without any has a network stack with lo0 only.",
            max_length=MOST_NICS,
            becomes=made_by("jail.stack", JailParam, "vnet.interface"),
        ),
    ] = []
    limits: JailLimits = JailLimits()
    stop: JailStop = JailStop()
    restart: JailRestart = JailRestart()
    hooks: JailHooks = JailHooks()

    @property
    def ruleset(self) -> int:
        """The devfs ruleset, or the default of the stack."""
        return self.devfs_ruleset or (VNET_RULESET if self.stack == "vnet" else JAIL_RULESET)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_mounts(self.mounts)
        check_datasets(self.datasets, self.mounts)
        check_stack(self.stack, self.addresses, [str(nic.network) for nic in self.nics])
        check_interfaces(self.stack, self.interfaces)
        refuse_user_networking(self.nics)
        if self.cpus is not None and self.placement == "none":
            raise BadValueError(
                "without placement, nothing chooses CPUs for the jail", at="cpus",
                hint="set placement, as placement=exclusive; or remove cpus: cpus=",
            )  # fmt: skip
        if self.run is None and self.restart != JailRestart():
            hint = "set run to the main command"
            raise BadValueError("there is no main command to restart", at="restart", hint=hint)
