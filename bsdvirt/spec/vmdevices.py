"""A virtual machine's devices: disks, CD drives, network cards and the framebuffer."""

from __future__ import annotations

from typing import Annotated, Literal

from bsdvirt.spec.base import SECTORS, VNC_PASSWORD, BadValueError, Live, Spec, prop
from bsdvirt.spec.becomes import ON, DeviceKey, ZfsProperty
from bsdvirt.spec.nic import Nic
from bsdvirt.spec.types import (
    AbsolutePath,
    DeviceName,
    ListenAddress,
    MediaName,
    Patterned,
    Space,
)

Bus = Literal["virtio", "ahci", "nvme"]
MIB = 1024 * 1024
VNC_FIRST_PORT = 5900


class Disk(Spec, frozen=True, kw_only=True):
    """One disk: a zvol of the guest's own, or a file or device of the host's."""

    name: Annotated[DeviceName, prop("Its name, and its zvol's.")]
    size: (
        Annotated[
            Space,
            prop(
                "Its size; of a zvol of the guest's own.",
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
            "A file or a device of the host's instead of a zvol of the guest's own; it is never"
            " made, resized or destroyed with the guest.",
            becomes=DeviceKey("path", by="bhyve.config"),
        ),
    ] = None
    bus: Annotated[
        Bus,
        prop("What the guest sees it on.", becomes=DeviceKey("device", by="bhyve.config")),
    ] = "virtio"
    readonly: Annotated[
        bool, prop("The guest may only read it.", becomes=DeviceKey("ro", values=ON))
    ] = False
    nocache: Annotated[
        bool, prop("Open it with O_DIRECT.", becomes=DeviceKey("nocache", values=ON))
    ] = False
    direct: Annotated[
        bool,
        prop(
            "Open it with O_SYNC: every write waits for the disk.",
            becomes=DeviceKey("direct", values=ON),
        ),
    ] = False
    sectorsize: (
        Annotated[
            str,
            prop(
                "Logical, or logical/physical sector size, such as 512/4096, which is that of a"
                " zvol of the guest's own; else bhyve asks what is behind it.",
                becomes=DeviceKey("sectorsize", by="bhyve.config"),
                pattern=SECTORS,
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if (self.size is None) == (self.path is None):
            what = "either a size or a path is needed" if self.size is None else "both are given"
            raise BadValueError(
                what, at="size", hint="a size makes a zvol, a path names what is there"
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
    """A CD drive, perhaps with a medium in it."""

    name: Annotated[DeviceName, prop("Its name, such as cd0.", live=Live.REBOOT)]
    media: Annotated[
        MediaName | None,
        prop("A medium that `bsdvirt media ls` lists; none is an empty drive.", live=Live.REBOOT),
    ] = None
    path: Annotated[
        AbsolutePath | None,
        prop("An ISO file of the host's, instead of a medium.", live=Live.REBOOT),
    ] = None

    def __post_init__(self) -> None:
        if self.media and self.path:
            raise BadValueError("there is a path too", at="media", hint="give one of the two")


class VmNic(Nic, frozen=True, kw_only=True):
    """One network interface: a tap(4) on the network's bridge."""

    model: Annotated[
        Literal["virtio", "e1000"],
        prop(
            "The card that the guest sees.",
            becomes=DeviceKey("device", values={"virtio": "virtio-net", "e1000": "e1000"}),
        ),
    ] = "virtio"


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
            "Whether there is a framebuffer; it needs UEFI.",
            becomes=DeviceKey("device", values={True: "fbuf"}),
        ),
    ] = False
    listen: Annotated[
        ListenAddress,
        prop("The host's address to listen on.", becomes=DeviceKey("rfb", by="bhyve.config")),
    ] = ListenAddress("127.0.0.1")
    port: (
        Annotated[
            int,
            prop("The port; 5900 and the guest's id where it is not given.", ge=1, le=65535),
        ]
        | None
    ) = None
    width: Annotated[int, prop("Width.", unit="pixels", ge=640, le=3840)] = 1024
    height: Annotated[int, prop("Height.", unit="pixels", ge=480, le=2160)] = 768
    wait: Annotated[
        bool, prop("Boot only once a viewer is connected.", becomes=DeviceKey("wait", values=ON))
    ] = False
    auth: Annotated[
        Literal["random", "own", "none"],
        prop(
            "`random` makes a password at each start, which `info` shows; `own` takes the one"
            " given here; `none` asks for none."
        ),
    ] = "random"
    password: (
        Annotated[
            str,
            prop(
                "The password, with `own`; VNC uses 8 characters.",
                pattern=VNC_PASSWORD,
            ),
        ]
        | None
    ) = None
    keyboard: Annotated[
        KeyboardLayout | None,
        prop(
            "The layout of the viewer's keyboard, as a file of /usr/share/bhyve/kbdlayout is"
            " called, such as de or fr; US where none is given.",
        ),
    ] = None
    tablet: Annotated[
        bool,
        prop(
            "A USB tablet, so that the pointer is where it should be.",
            becomes=DeviceKey("device", values={True: "xhci"}),
        ),
    ] = True

    def __post_init__(self) -> None:
        if (self.auth == "own") != (self.password is not None):
            raise BadValueError("`auth: own` and a password go together", at="password")
