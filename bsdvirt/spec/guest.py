"""What every guest has: the properties that a jail and a virtual machine share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, Self

import msgspec

from bsdvirt.spec.base import LINE, BadValueError, Live, Spec, prop
from bsdvirt.spec.becomes import BhyveKey, Option, made_by
from bsdvirt.spec.expose import Expose, refuse_clashes
from bsdvirt.spec.hooks import Hooks
from bsdvirt.spec.limits import Limits
from bsdvirt.spec.nic import Nic, refuse_twice
from bsdvirt.spec.restart import Restart
from bsdvirt.spec.types import CpuList, Every, HostName, Keep

MOST_NICS = 8
DOMAIN = made_by(
    "bhyve.config", BhyveKey, "domains.N.size", "domains.N.cpus", "domains.N.domain_policy"
)
"""What places a virtual machine's memory near its CPUs."""


class Stop(Spec, frozen=True, kw_only=True):
    """How a guest is stopped."""

    timeout: Annotated[
        int,
        prop(
            "Time for an orderly stop: of a jail, exec.stop; of a virtual machine, its "
            "shutdown after the ACPI power button.",
            unit="s",
            ge=1,
            le=3600,
            live=Live.NOW,
        ),
    ] = 60


class Snapshots(Spec, frozen=True, kw_only=True):
    """Which snapshots of a guest are taken and removed by `bsdvirt snapshot periodic`."""

    every: Annotated[
        Every | None,
        prop(
            "How often a snapshot is taken: minutes, hours, days or weeks, such as 15m, 1h, 1d or"
            " 1w; by default never.",
            live=Live.NOW,
        ),
    ] = None
    keep: Annotated[
        Keep | None,
        prop(
            "Of how many hours, days, weeks, months and years (UTC) the last of these snapshots is"
            " kept, such as 24h,7d,4w,12m; by default all are kept.",
            live=Live.NOW,
        ),
    ] = None


class GuestSpec(Spec, frozen=True, kw_only=True):
    """A guest of either kind. Each kind declares again only what differs."""

    hostname: Annotated[HostName | None, prop("Host name; by default the guest's name.")] = None
    description: Annotated[
        str, prop("Description.", live=Live.NOW, max_length=200, pattern=LINE)
    ] = ""
    protected: Annotated[bool, prop("Refuse to destroy the guest.", live=Live.NOW)] = False
    template: Annotated[
        bool, prop("Make only clones of the guest: it is never started itself.", live=Live.NOW)
    ] = False
    nics: Annotated[Sequence[Nic], prop("Network interfaces.", max_length=MOST_NICS)] = []
    expose: Annotated[
        list[Expose],
        prop(
            "Ports of the host that are forwarded to the guest while it runs: `tcp:8080:80`,"
            " `udp:53`, `tcp:8000-8010`. Append `@` and an address to bind one host address"
            " (default: that of the default route; with user networking, every one), and `~` and a"
            " network to let only that network in.",
            live=Live.NOW,
            max_length=64,
        ),
    ] = []
    cpuset: Annotated[
        CpuList | None,
        prop(
            "CPUs of the host that the guest may run on, such as 0-3,6; none that another guest"
            " has for itself.",
            live=Live.NOW,
            becomes=Option("cpuset -l"),
        ),
    ] = None
    placement: Annotated[
        Literal["none", "shared", "exclusive", "auto"],
        prop(
            "How CPUs of the host are chosen for the guest: `none` runs it on `cpuset`, or on all"
            " CPUs; `shared` chooses as many as `cpus`, which other guests may use too;"
            " `exclusive` chooses CPUs that no other guest may use; `auto` is `exclusive` if that"
            " leaves a quarter of the host's CPUs to guests that share, otherwise `shared`. It"
            " needs a number of `cpus`, such as 4.",
            live=Live.NOW,
            becomes=(Option("cpuset -l"), Option("cpuset -n"), *DOMAIN),
        ),
    ] = "none"
    cpus: (
        Annotated[
            int,
            prop(
                "Number of CPUs of the host that `placement` chooses, such as 4.",
                live=Live.NOW,
                ge=1,
                le=1024,
            ),
        ]
        | None
    ) = None
    limits: Annotated[Limits, prop("Limits by rctl(8).", live=Live.NOW)] = Limits()
    stop: Annotated[Stop, prop("How the guest is stopped.")] = Stop()
    restart: Annotated[
        Restart, prop("Whether the guest is restarted when it ends by itself.", live=Live.NOW)
    ] = Restart()
    snapshots: Annotated[
        Snapshots, prop("Snapshots that are taken and removed by a schedule.", live=Live.NOW)
    ] = Snapshots()
    hooks: Annotated[
        Hooks, prop("Commands to run when the state of the guest changes.", live=Live.NOW)
    ] = Hooks()

    @property
    def core_threads(self) -> int:
        """Threads of a core, as the guest sees its CPUs."""
        return 1

    @property
    def pins_itself(self) -> bool:
        """Whether virtual CPUs are to be pinned to CPUs that bsdvirt chooses."""
        return False

    @property
    def host_ports(self) -> list[Expose]:
        """The ports of the host that it uses while it runs."""
        return self.expose

    def named_cpus(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the CPUs of the host that the file names, each with the property."""
        if self.cpuset is not None:
            yield f"cpuset {self.cpuset}", self.cpuset.cpus

    def on_cpus(
        self, cpuset: CpuList | None, pins: Mapping[int, tuple[int, ...]] | None = None
    ) -> Self:
        """Return the same guest with CPUs that were chosen for it as its cpuset, and, unless None,
        with these pins."""
        return msgspec.structs.replace(self, placement="none", cpus=None, cpuset=cpuset)

    def __post_init__(self) -> None:
        refuse_twice(self.nics)
        if self.placement != "none" and self.cpuset is not None:
            raise BadValueError(
                f"placement {self.placement} chooses the CPUs", at="cpuset",
                hint="remove cpuset, or set placement to none",
            )  # fmt: skip
        if self.placement != "none" and self.cpus is None:
            raise BadValueError(
                f"placement {self.placement} needs a number of CPUs", at="cpus",
                hint="as cpus: 2",
            )  # fmt: skip
        try:
            refuse_clashes(self.expose)
        except BadValueError as error:
            raise BadValueError(str(error), at=f"expose.{error.at}") from None
