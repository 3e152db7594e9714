"""The devices of a virtual machine: their properties, and the PCI slots that are
fixed. How each is written to bhyve's file is in bhyve/devices."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from bsdvirt.spec.base import SECTORS, VNC_PASSWORD, BadValueError, Live, Names, Spec, prop
from bsdvirt.spec.becomes import ON, BhyveKey, DeviceKey, ZfsProperty
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.config_keys import AHCI_SLOT
from bsdvirt.spec.guest import MOST_NICS, GuestSpec
from bsdvirt.spec.types import (
    AbsolutePath,
    DeviceName,
    ListenAddress,
    MediaName,
    Patterned,
    Space,
)
from bsdvirt.spec.vmnic import VmNic as VmNic

Bus = Literal["virtio", "ahci", "nvme"]
MIB = 1024 * 1024
VNC_FIRST_PORT = 5900
LOCALHOST = ListenAddress("127.0.0.1")
LONGEST_AUDIO = 63
"""bhyve aborts on a longer path (dev_name in audio.c)."""
MOST_DISKS = 16
MOST_CDROMS = 8
HOSTBRIDGE_SLOT = 0
AUDIO_SLOT = 3
RNG_SLOT = 28
FBUF_SLOT = 29
XHCI_SLOT = 30
LPC_SLOT = 31
"""The slot that Windows expects (bhyve.8)."""
RESERVED = {
    "lpc.com1.path": "com1 is the console",
    f"pci.0.{FBUF_SLOT}.0.password": "set vnc.password instead",
    f"pci.0.{FBUF_SLOT}.0.rfb": "set vnc.listen and vnc.port instead",
    f"pci.0.{FBUF_SLOT}.0.tcp": "set vnc.listen and vnc.port instead",
    f"pci.0.{FBUF_SLOT}.0.wait": "set vnc.wait instead",
}
"""Keys of devices that a guest's `config` may not hold, and why."""


class Disk(Spec, frozen=True, kw_only=True):
    """A disk: a zvol of the guest, or a file or device of the host."""

    name: Annotated[DeviceName, prop("Name of the disk and of its zvol.")]
    size: (
        Annotated[
            Space,
            prop(
                "Size of the zvol.",
                unit="bytes",
                becomes=ZfsProperty("volsize", by="bhyve.volumes"),
                live=Live.REBOOT,
            ),
        ]
        | None
    ) = None
    path: Annotated[
        AbsolutePath | None,
        prop(
            "File or device of the host to use instead of a zvol; it is never created, "
            "resized or destroyed.",
            becomes=DeviceKey("path", by="bhyve.devices.disk"),
        ),
    ] = None
    bus: Annotated[
        Bus,
        prop("Bus that it is attached to.", becomes=DeviceKey("device", by="bhyve.devices.disk")),
    ] = "virtio"
    readonly: Annotated[bool, prop("Make it read-only.", becomes=DeviceKey("ro", values=ON))] = (
        False
    )
    nocache: Annotated[
        bool, prop("Open it with O_DIRECT.", becomes=DeviceKey("nocache", values=ON))
    ] = False
    direct: Annotated[
        bool,
        prop(
            "Open it with O_SYNC, so that every write waits for the disk.",
            becomes=DeviceKey("direct", values=ON),
        ),
    ] = False
    sectorsize: (
        Annotated[
            str,
            prop(
                "Logical, or logical/physical sector size, such as 512/4096, which is "
                "the default for a zvol; for others, bhyve asks the file or device.",
                becomes=DeviceKey("sectorsize", by="bhyve.devices.disk"),
                pattern=SECTORS,
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if (self.size is None) == (self.path is None):
            what = "either a size or a path is needed" if self.size is None else "both are given"
            raise BadValueError(
                what, at="size", hint="size creates a zvol, path uses an existing file or device"
            )
        if self.size is not None and self.size % MIB:
            raise BadValueError(
                f"{self.size!s} is not a whole number of MiB", at="size", hint="write 512M or 20G"
            )
        logical, _, physical = (self.sectorsize or "").partition("/")
        if physical and int(physical) < int(logical):
            raise BadValueError(
                f"the physical size {physical} is less than the logical {logical}",
                at="sectorsize",
            )


class Cdrom(Spec, frozen=True, kw_only=True):
    """A CD drive."""

    name: Annotated[DeviceName, prop("Name, such as cd0.", live=Live.REBOOT)]
    media: Annotated[
        MediaName | None,
        prop(
            "Medium, as `bsdvirt media ls` lists it; without one the drive is empty.",
            live=Live.REBOOT,
            names=Names.MEDIUM,
            becomes=DeviceKey("path", by="bhyve.devices.cdrom"),
        ),
    ] = None
    path: Annotated[
        AbsolutePath | None,
        prop(
            "ISO file of the host, instead of a medium.",
            live=Live.REBOOT,
            becomes=DeviceKey("path", by="bhyve.devices.cdrom"),
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.media and self.path:
            raise BadValueError(
                "media and path exclude each other", at="media", hint="omit one of them"
            )


class KeyboardLayout(Patterned):
    """A keyboard layout of bhyve's."""

    words = "a keyboard layout"
    pattern = "[a-z0-9][a-z0-9_-]{0,31}"
    longest = 32
    rule = "it is the name of a file in /usr/share/bhyve/kbdlayout, such as de"


class Vnc(Spec, frozen=True, kw_only=True):
    """The framebuffer, shown by VNC."""

    enabled: Annotated[
        bool,
        prop(
            "Provide a framebuffer, shown by VNC; it needs UEFI.",
            becomes=DeviceKey("device", by="bhyve.devices.framebuffer"),
        ),
    ] = False
    listen: Annotated[
        ListenAddress,
        prop(
            "Address of the host to listen on.",
            becomes=DeviceKey("rfb", by="bhyve.devices.framebuffer"),
        ),
    ] = LOCALHOST
    port: (
        Annotated[
            int,
            prop("TCP port; by default 5900 plus the guest's id.", ge=1, le=65535),
        ]
        | None
    ) = None
    socket: Annotated[
        bool,
        prop(
            "Listen on a socket of the host's file system instead of an address, as FreeBSD 15 "
            "can: vnc.sock in the guest's run directory, which root alone can use; "
            "ssh -L 5900:SOCKET reaches it from elsewhere.",
            becomes=DeviceKey("rfb", by="bhyve.devices.framebuffer"),
        ),
    ] = False
    width: Annotated[
        int, prop("Width of the screen.", unit="pixels", ge=640, le=3840, becomes=DeviceKey("w"))
    ] = 1024
    height: Annotated[
        int, prop("Height of the screen.", unit="pixels", ge=480, le=2160, becomes=DeviceKey("h"))
    ] = 768
    wait: Annotated[
        bool,
        prop("Delay the boot until a viewer is connected.", becomes=DeviceKey("wait", values=ON)),
    ] = False
    auth: Annotated[
        Literal["random", "own", "none"],
        prop(
            "`random` creates a password at each start, which `info` shows; `own` uses "
            "`password`; `none` requires no password."
        ),
    ] = "random"
    password: (
        Annotated[
            str,
            prop(
                "The password, with `own`; VNC uses 8 characters.",
                secret=True,
                becomes=DeviceKey("password", by="bhyve.devices.framebuffer"),
                pattern=VNC_PASSWORD,
            ),
        ]
        | None
    ) = None
    keyboard: Annotated[
        KeyboardLayout | None,
        prop(
            "Keyboard layout of the viewer, the name of a file in "
            "/usr/share/bhyve/kbdlayout, such as de or fr; by default US.",
            becomes=BhyveKey("keyboard.layout", by="bhyve.devices.framebuffer"),
        ),
    ] = None
    tablet: Annotated[
        bool,
        prop(
            "Provide a USB tablet, for an accurate pointer.",
            becomes=DeviceKey("slot.1.device", by="bhyve.devices.framebuffer"),
        ),
    ] = True

    def __post_init__(self) -> None:
        if (self.auth == "own") != (self.password is not None):
            raise BadValueError("`auth: own` and a password go together", at="password")
        if self.socket and (self.port is not None or self.listen != LOCALHOST):
            raise BadValueError(
                "with a socket, VNC listens on no address",
                at="listen" if self.port is None else "port", hint="omit it, or set socket=false",
            )  # fmt: skip


class Audio(Spec, frozen=True, kw_only=True):
    """A High Definition Audio controller, on devices of sound(4)."""

    play: Annotated[
        AbsolutePath | None,
        prop(
            "Device of the host that the guest plays to, such as /dev/dsp0.",
            becomes=DeviceKey("play"),
        ),
    ] = None
    record: Annotated[
        AbsolutePath | None,
        prop(
            "Device of the host that the guest records from, such as /dev/dsp0.",
            becomes=DeviceKey("rec"),
        ),
    ] = None

    def __post_init__(self) -> None:
        for name, path in (("play", self.play), ("record", self.record)):
            if path is not None and not (path.startswith("/dev/") and len(path) <= LONGEST_AUDIO):
                raise BadValueError(
                    f"{path} is not a device of at most {LONGEST_AUDIO} characters",
                    at=name,
                    hint="cat /dev/sndstat lists pcm0, which is /dev/dsp0",
                )

    @property
    def devices(self) -> list[str]:
        """The devices of the host, each once."""
        return list(dict.fromkeys(str(path) for path in (self.play, self.record) if path))


class VmDevices(GuestSpec, frozen=True, kw_only=True):
    """The devices of a virtual machine."""

    reaching: ClassVar = ("disks", "cdroms", "nics", "vnc", "audio", "tpm", "tpm_device", "slirp")
    """The properties that use resources of the host."""
    disks: Annotated[list[Disk], prop("Disks, by name.", max_length=MOST_DISKS)] = []
    cdroms: Annotated[
        list[Cdrom], prop("CD drives, by name.", max_length=MOST_CDROMS, live=Live.REBOOT)
    ] = []
    bootorder: Annotated[
        list[DeviceName],
        prop(
            "Disks and drives to boot from first, in this order; needs UEFI and FreeBSD 15.",
            max_length=MOST_DISKS + MOST_CDROMS,
            becomes=(
                BhyveKey("lpc.fwcfg", by="bhyve.config"),
                DeviceKey("bootindex", by="bhyve.config"),
            ),
        ),
    ] = []  # fmt: skip
    nics: Annotated[list[VmNic], prop(max_length=MOST_NICS)] = []
    cloud: Annotated[CloudInit | None, prop("Settings for cloud-init or nuageinit(7).")] = None
    vnc: Annotated[Vnc, prop("The framebuffer.")] = Vnc()
    audio: Annotated[Audio, prop("The sound card, present if a device is set.")] = Audio()
    tpm: Annotated[
        Literal["none", "swtpm", "passthru"],
        prop(
            "TPM 2.0 of the guest, which needs FreeBSD 15: `swtpm` is one in software, from the "
            "package swtpm, and its state is kept with the guest; `passthru` is the host's own.",
            becomes=(
                BhyveKey("tpm.type", by="bhyve.devices.tpm"),
                BhyveKey("tpm.version", by="bhyve.devices.tpm"),
                BhyveKey("acpi_tables_in_memory", by="bhyve.devices.tpm"),
            ),
        ),
    ] = "none"
    tpm_device: Annotated[
        AbsolutePath,
        prop(
            "The host's TPM, for `tpm: passthru`; one guest uses it at a time.",
            becomes=BhyveKey("tpm.path", by="bhyve.devices.tpm"),
        ),
    ] = AbsolutePath("/dev/tpm0")
    hostbridge: Annotated[
        Literal["standard", "amd"],
        prop(
            "Model of the host bridge.",
            becomes=DeviceKey("device", by="bhyve.devices.hostbridge"),
        ),
    ] = "standard"
    rng: Annotated[
        bool,
        prop(
            "Provide a virtio random number generator.",
            becomes=DeviceKey("device", by="bhyve.devices.rng"),
        ),
    ] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_names()
        self._check_order()

    def fixed_slots(self) -> dict[int, str]:
        """Return the fixed PCI slots in use, and the device in each."""
        found = {HOSTBRIDGE_SLOT: "the host bridge: see hostbridge", LPC_SLOT: "the LPC bridge"}
        if self.audio.devices:
            found[AUDIO_SLOT] = "the sound card: see audio"
        if self.rng:
            found[RNG_SLOT] = "the random number generator: see rng"
        if self.vnc.enabled:
            found[FBUF_SLOT] = "the framebuffer: see vnc"
            if self.vnc.tablet:
                found[XHCI_SLOT] = "the tablet: see vnc.tablet"
        if self.cdroms or self.cloud or any(disk.bus == "ahci" for disk in self.disks):
            found[AHCI_SLOT] = "the AHCI controller"
        return found

    def media(self) -> list[str]:
        """Return the media in the drives, as `bsdvirt media ls` lists them."""
        return [str(drive.media) for drive in self.cdroms if drive.media]

    def disk(self, name: str) -> Disk | None:
        """Return the disk of that name."""
        return next((disk for disk in self.disks if disk.name == name), None)

    def _check_names(self) -> None:
        """Refuse duplicate names: disks and drives share a name space, that of zvols."""
        seen: set[str] = {"root"}
        for field in ("disks", "cdroms"):
            for number, device in enumerate(getattr(self, field)):
                if device.name in seen:
                    raise BadValueError(
                        f"{device.name} is given twice", at=f"{field}.{number}.name",
                        hint="each disk and drive needs its own name",
                    )  # fmt: skip
                seen.add(device.name)

    def _check_order(self) -> None:
        there = [*(str(one.name) for one in self.disks), *(str(one.name) for one in self.cdroms)]
        for number, name in enumerate(self.bootorder):
            at = f"bootorder.{number}"
            if name not in there:
                hint = f"available: {', '.join(there) or 'none'}"
                raise BadValueError(f"no disk or drive {name}", at=at, hint=hint)
            if name in self.bootorder[:number]:
                raise BadValueError(f"{name} is given twice", at=at)
