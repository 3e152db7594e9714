"""The properties of a virtual machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

import msgspec

from bsdvirt.spec.base import BadValueError, Live, Names, prop
from bsdvirt.spec.becomes import ON, BhyveKey, made_by
from bsdvirt.spec.config_keys import OURS, misnumbered, raw_devices
from bsdvirt.spec.expose import LOCALHOST, Expose
from bsdvirt.spec.guest import Stop
from bsdvirt.spec.limits import refuse_below
from bsdvirt.spec.restart import VmRestart
from bsdvirt.spec.slirp import Slirp
from bsdvirt.spec.types import (
    AUTO_PINS,
    AbsolutePath,
    BhyveLine,
    CpuList,
    CpuPin,
    HostName,
    ImageName,
    Memory,
)
from bsdvirt.spec.vmdevices import MIB as MIB
from bsdvirt.spec.vmdevices import MOST_CDROMS as MOST_CDROMS
from bsdvirt.spec.vmdevices import MOST_DISKS as MOST_DISKS
from bsdvirt.spec.vmdevices import RESERVED as DEVICE_KEYS
from bsdvirt.spec.vmdevices import VNC_FIRST_PORT as VNC_FIRST_PORT
from bsdvirt.spec.vmdevices import Bus as Bus
from bsdvirt.spec.vmdevices import Cdrom as Cdrom
from bsdvirt.spec.vmdevices import Disk as Disk
from bsdvirt.spec.vmdevices import VmDevices
from bsdvirt.spec.vmdevices import VmNic as VmNic
from bsdvirt.spec.vmdevices import Vnc as Vnc

LEAST_MEMORY = 64 * MIB
FIRST_DISK = "disk0"
LATER_KEYS = {
    "log_msrs": "x86.verbosemsr",
    "acpi_in_memory": "acpi_tables_in_memory",
    "enable_bars": "pci.enable_bars",
}
"""Properties that become keys which not every bhyve has."""
SLIRP_SLOT = 1
"""No claim of a disk or card has it."""
RESERVED = DEVICE_KEYS | {
    "config.dump": "bhyve would print its configuration instead of running",
    "cores": "set cpus, sockets and threads instead",
    "cpus": "set cpus instead",
    "memory.size": "set memory instead",
    "memory.wired": "set wired instead",
    "name": "the guest's name is used",
    "sockets": "set sockets instead",
    "threads": "set threads instead",
}
"""Keys that a guest's `config` may not hold, and why."""


class VmStop(Stop, frozen=True, kw_only=True):
    """How a virtual machine is stopped."""

    force: Annotated[
        bool,
        prop("Power it off after the timeout; otherwise the stop fails.",
             live=Live.NOW),
    ] = True  # fmt: skip


class Vm(VmDevices, frozen=True, kw_only=True, tag_field="kind", tag="vm"):
    """A virtual machine."""

    head = (
        "cpus", "sockets", "threads", "memory", "wired", "loader", "firmware", "variables", "image"
    )  # fmt: skip
    cpus: Annotated[
        int, prop("Number of virtual CPUs, at most the host's hw.vmm.maxcpu; with `placement`,"
                  " of CPUs of the host, too.", ge=1, le=1024, live=Live.START,
                  becomes=BhyveKey("cpus"))
    ] = 1  # fmt: skip
    sockets: Annotated[
        int,
        prop("Number of CPU sockets; Windows clients use two at most.", ge=1, le=1024,
             becomes=(BhyveKey("sockets"), BhyveKey("cores", of="cores"))),
    ] = 1  # fmt: skip
    threads: Annotated[int, prop("Threads per core.", ge=1, le=16, becomes=BhyveKey("threads"))] = 1
    memory: Annotated[
        Memory,
        prop(
            "Memory size, such as 512M or 4G.",
            unit="bytes",
            becomes=BhyveKey("memory.size", of="memory_size"),
        ),
    ]
    wired: Annotated[
        bool,
        prop(
            "Wire the memory, as passthrough requires.",
            becomes=BhyveKey("memory.wired", values=ON),
        ),
    ] = False
    loader: Annotated[
        Literal["uefi", "bhyveload"],
        prop(
            "Boot loader: UEFI firmware, or bhyveload(8) for FreeBSD guests, which needs no "
            "firmware."
        ),
    ] = "uefi"
    firmware: Annotated[
        AbsolutePath | None,
        prop(
            "Firmware file; by default that of the package edk2-bhyve.",
            becomes=made_by("bhyve.devices.firmware", BhyveKey, "bootrom", "lpc.bootrom"),
        ),
    ] = None
    variables: Annotated[
        AbsolutePath | None,
        prop(
            "Template of UEFI variables for `firmware`, copied for the guest at its "
            "first start. Without it, such a firmware keeps no variables.",
            becomes=made_by("bhyve.devices.firmware", BhyveKey, "bootvars", "lpc.bootvars"),
        ),
    ] = None
    image: Annotated[
        ImageName | None,
        prop("Image that its first disk was created from.", live=Live.NEVER, names=Names.IMAGE),
    ] = None
    clock: Annotated[
        Literal["utc", "local"],
        prop("Time of the guest's clock: UTC, or local time, as Windows expects.",
             becomes=BhyveKey("rtc.use_localtime", values={"local": "true", "utc": "false"})),
    ] = "utc"  # fmt: skip
    ignore_msrs: Annotated[
        bool,
        prop("Ignore accesses to unknown model-specific registers, as Linux and Windows need "
"on some hosts.",
             becomes=BhyveKey("x86.strictmsr", values={True: "false", False: "true"})),
    ] = True  # fmt: skip
    log_msrs: (
        Annotated[
            bool,
            prop(
                "Print accesses to model-specific registers that bhyve emulates to its log, to "
                "debug a guest; needs FreeBSD 15.",
                becomes=BhyveKey("x86.verbosemsr"),
            ),
        ]
        | None
    ) = None
    acpi_in_memory: (
        Annotated[
            bool,
            prop(
                "Copy the ACPI tables into the guest's memory, besides fw_cfg; by default yes, "
                "and no with a TPM and UEFI. bhyve_config(5) recommends no for Windows; needs "
                "FreeBSD 15.",
                becomes=BhyveKey("acpi_tables_in_memory", by="bhyve.devices.tpm"),
            ),
        ]
        | None
    ) = None
    enable_bars: (
        Annotated[
            bool,
            prop(
                "Enable and map the PCI BARs of devices before the guest runs, for firmware that "
                "does not; by default no with UEFI, and yes with bhyveload. Needs FreeBSD 15.",
                becomes=BhyveKey("pci.enable_bars"),
            ),
        ]
        | None
    ) = None
    pins: Annotated[
        list[CpuPin],
        prop("Pinned virtual CPUs, each as VCPU:CPUS, such as 0:2 or 1:4-5; or `auto`: each on"
             " one CPU of those that `placement` chooses, or of `cpuset`, the threads of a core on"
             " the threads of one core.",
             becomes=BhyveKey("vcpu.N.cpuset", by="bhyve.config"), max_length=1024),
    ] = []  # fmt: skip
    config: Annotated[
        list[BhyveLine],
        prop(
            "Further keys of bhyve_config(5), each as key=value. They override those of "
            "bsdvirt, except `name` and those of the console, the framebuffer, CPUs and "
            "memory; bhyve ignores unknown keys, and on FreeBSD 13 those that only later "
            "releases have are refused. A PCI slot or AHCI port that is named "
            "here is not assigned to other devices, and one that is in use is refused. "
            "A device on a bus above 0 turns off the MPtable.",
            max_length=64,
        ),
    ] = []
    hostname: Annotated[
        HostName | None,
        prop(
            "Host name for `cloud`, with or without domain; by default the guest's "
            "name, with - for _."
        ),
    ] = None
    slirp: Annotated[Slirp, prop("A network card with user networking.")] = Slirp()
    stop: VmStop = VmStop()
    restart: VmRestart = VmRestart()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory < LEAST_MEMORY or self.memory % MIB:
            raise BadValueError(
                f"{self.memory!s} is not a whole number of MiB, at least 64M", at="memory",
                hint="write 512M or 4G",
            )  # fmt: skip
        if self.cpus % (self.sockets * self.threads):
            raise BadValueError(
                f"{self.cpus} CPUs cannot be divided into {self.sockets} sockets of cores with"
                f" {self.threads} threads",
                at="sockets",
            )
        if self.loader == "bhyveload" and (self.vnc.enabled or self.firmware):
            what = "vnc.enabled" if self.vnc.enabled else "firmware"
            raise BadValueError("bhyveload does not use it", at=what, hint="set loader to uefi")
        if self.hostname and self.cloud is None:
            raise BadValueError(
                "the guest receives it through `cloud` only", at="hostname", hint="set cloud, too"
            )
        if self.variables and not self.firmware:
            raise BadValueError(
                "a template of variables needs a firmware file",
                at="variables",
                hint="set firmware, too",
            )
        self._check_config()
        refuse_below(self.limits, self.memory, wired=self.wired)
        self._check_pins()

    def _check_pins(self) -> None:
        if self.pins and not self.exact_pins:
            if self.placement == "none" and self.cpuset is None:
                raise BadValueError(
                    "auto pins within the CPUs of placement or cpuset", at="pins.0",
                    hint="set placement, such as placement: exclusive, or cpuset",
                )  # fmt: skip
            if self.cpuset is not None and len(self.cpuset.cpus) < self.cpus:
                raise BadValueError(
                    f"cpuset {self.cpuset} has fewer CPUs than the {self.cpus} virtual ones",
                    at="pins.0", hint="auto pins each virtual CPU to a CPU of its own",
                )  # fmt: skip
            if len(self.pins) > 1:
                raise BadValueError("auto is all of pins", at="pins.1", hint="write pins: [auto]")
        elif self.pins and self.placement != "none":
            raise BadValueError(
                f"placement {self.placement} chooses the CPUs", at="pins.0",
                hint="write pins: [auto], or set cpuset instead of placement",
            )  # fmt: skip
        for number, pin in enumerate(self.pins):
            if pin == AUTO_PINS and self.exact_pins:
                raise BadValueError(
                    "auto is all of pins", at=f"pins.{number}", hint="write pins: [auto]"
                )
            if pin != AUTO_PINS and pin.vcpu >= self.cpus:
                raise BadValueError(
                    f"there is no virtual CPU {pin.vcpu}", at=f"pins.{number}",
                    hint=f"the virtual CPUs are 0-{self.cpus - 1}",
                )  # fmt: skip

    def _check_config(self) -> None:
        for number, line in enumerate(self.config):
            if line.key in RESERVED:
                raise BadValueError(
                    f"{line.key} cannot be set here", at=f"config.{number}",
                    hint=RESERVED[line.key],
                )  # fmt: skip
            if line.value == "passthru" and line.key.endswith(".device") and not self.wired:
                raise BadValueError(
                    "passthrough needs wired memory", at=f"config.{number}", hint="set wired=true"
                )
            if OURS.fullmatch(line.value):
                raise BadValueError(
                    f"{line.value} belongs to a guest", at=f"config.{number}",
                    hint="such names are assigned by bsdvirt: choose another",
                )  # fmt: skip
            if misnumbered(line.key):
                raise BadValueError(
                    f"bhyve would ignore {line.key}", at=f"config.{number}",
                    hint="write pci.BUS.SLOT.FUNCTION.NAME, the numbers without leading zeros",
                )  # fmt: skip
        self._check_tpm()
        fixed = self.fixed_slots()
        for slot, number in raw_devices(self.config).devices.items():
            if slot in fixed:
                raise BadValueError(
                    f"PCI slot {slot} is that of {fixed[slot]}", at=f"config.{number}",
                    hint="use a free slot of 1 and 3-27",
                )  # fmt: skip

    def _check_tpm(self) -> None:
        """Refuse two TPMs, and an incomplete one: bhyve aborts without a type, and has none without
        a path."""
        given = {line.key: n for n, line in enumerate(self.config) if line.key.startswith("tpm.")}
        if given and self.tpm != "none":
            raise BadValueError(
                f"the property tpm is {self.tpm} already", at=f"config.{min(given.values())}",
                hint="remove the keys tpm.* from config, or set tpm=none",
            )  # fmt: skip
        lacking = [key for key in ("tpm.type", "tpm.path") if key not in given]
        if given and lacking:
            raise BadValueError(
                f"a TPM needs {lacking[0]}, too", at=f"config.{min(given.values())}",
                hint="set the property tpm instead: swtpm or passthru",
            )  # fmt: skip

    def fixed_slots(self) -> dict[int, str]:
        """Return the fixed PCI slots in use, and the device in each."""
        own = {SLIRP_SLOT: "user networking: see slirp"} if self.slirp.enabled else {}
        return super().fixed_slots() | own

    @property
    def has_user_networking(self) -> bool:
        """Whether it has a card that needs no network of the host."""
        return self.slirp.enabled or any(nic.has_user_networking for nic in self.nics)

    @property
    def host_ports(self) -> list[Expose]:
        """The ports of the host that it uses while it runs."""
        own = (one if one.on else Expose(f"{one}@{LOCALHOST}") for one in self.slirp.forward)
        return [*self.expose, *own]

    @property
    def memory_size(self) -> str:
        """The memory size in the form that bhyve takes."""
        return f"{self.memory // MIB}M"

    @property
    def exact_pins(self) -> list[CpuPin]:
        """The pins that name CPUs of the host."""
        return [pin for pin in self.pins if pin != AUTO_PINS]

    @property
    def pins_itself(self) -> bool:
        """Whether virtual CPUs are to be pinned to CPUs that bsdvirt chooses."""
        return AUTO_PINS in self.pins

    def named_cpus(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the CPUs of the host that the file names, each with the property."""
        yield from super().named_cpus()
        for number, pin in enumerate(self.pins):
            if pin != AUTO_PINS:
                yield f"pins.{number}: {pin}", pin.cpus.cpus

    def on_cpus(
        self, cpuset: CpuList | None, pins: Mapping[int, tuple[int, ...]] | None = None
    ) -> Self:
        """Return the same guest with CPUs that were chosen for it."""
        exact = self.pins
        if pins is not None:
            exact = [CpuPin(f"{vcpu}:{CpuList.of(cpus)}") for vcpu, cpus in sorted(pins.items())]
        return msgspec.structs.replace(self, placement="none", cpuset=cpuset, pins=exact)

    @property
    def core_threads(self) -> int:
        """Threads of a core, as the guest sees its CPUs."""
        return self.threads

    @property
    def cores(self) -> int:
        """Cores per socket."""
        return self.cpus // (self.sockets * self.threads)
