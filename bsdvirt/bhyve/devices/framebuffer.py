"""The framebuffer, shown by VNC, and the USB tablet that goes with it. The properties are
spec/vmdevices.py's Vnc."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices.base import Device, Keys, Pairs, RunSettings, VmStartFacts
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.vmm import VmmFacts
from bsdvirt.guest.claims import RandomBytes
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import vnc_socket
from bsdvirt.rows.vm import Vnc
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.digits import natural
from bsdvirt.spec.fields import written
from bsdvirt.spec.vm import VNC_FIRST_PORT, Vm
from bsdvirt.spec.vmdevices import FBUF_SLOT, XHCI_SLOT

FBUF = f"pci.0.{FBUF_SLOT}.0"
LAYOUTS = "/usr/share/bhyve/kbdlayout"
FIRST_LARGE = 1400000
"""kern.osreldate before which fbuf shows at most 1920x1200 (COLS_MAX and ROWS_MAX in
pci_fbuf.c of 13.2; 3840x2160 in 15)."""
FIRST_SOCKET = 1500000
"""kern.osreldate before which VNC listens on addresses only (pci_fbuf_parse_config in pci_fbuf.c of
13.2 takes `unix` for a host)."""
UNIX = "unix:"
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 8
"""What VNC uses of a password (rfb.c)."""


def new_password(random: RandomBytes) -> str:
    """Return a new password."""
    number = int.from_bytes(random(2 * LENGTH))
    letters = []
    for _ in range(LENGTH):
        number, rest = divmod(number, len(LETTERS))
        letters.append(LETTERS[rest])
    return "".join(letters)


def vnc_port(guest: Guest, vm: Vm) -> int:
    """Return the port that VNC listens on."""
    return vm.vnc.port or VNC_FIRST_PORT + guest.identity.id


def vnc_address(guest: Guest, vm: Vm) -> str:
    """Return where VNC listens, as bhyve takes it: an IPv6 address in brackets, or a socket."""
    if vm.vnc.socket:
        return f"{UNIX}{vnc_socket(guest.name)}"
    listen = vm.vnc.listen
    host = f"[{listen}]" if listen.version == 6 else str(listen)
    return f"{host}:{vnc_port(guest, vm)}"


def screen_of(keys: Keys) -> Vnc | None:
    """Return where a running guest is shown; None for one without a framebuffer."""
    listens, password = keys.get(f"{FBUF}.rfb", ""), keys.get(f"{FBUF}.password")
    if listens.startswith(UNIX):
        path = listens.removeprefix(UNIX)
        return Vnc(address=None, port=None, socket=path, password=password)
    address, colon, port = listens.rpartition(":")
    number = natural(port)
    if not colon or number is None:
        return None
    return Vnc(address=address.strip("[]"), port=number, password=password)


class Framebuffer(Device):
    """The framebuffer of a guest."""

    uses = "vnc_ports"

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """Its slot, and that of the tablet."""
        vnc = vm.vnc
        if not vnc.enabled:
            return
        password = run.password if vnc.auth == "random" else vnc.password
        yield (
            FBUF_SLOT,
            [
                ("device", "fbuf"),
                ("rfb", vnc_address(guest, vm)),
                *written(vnc, DeviceKey).items(),
                *([("password", password)] if password else []),
            ],
        )
        if vnc.tablet:
            yield XHCI_SLOT, [("device", "xhci"), ("slot.1.device", "tablet")]

    def settings(self, guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
        """The keyboard layout."""
        wanted = vm.vnc.enabled and vm.vnc.keyboard
        return [("keyboard.layout", str(vm.vnc.keyboard))] if wanted else []

    def rerun(self, vm: Vm) -> Pairs:
        """bhyve waits for a viewer at the first start only, not at each reboot."""
        return [(f"{FBUF}.wait", "false")] if vm.vnc.enabled and vm.vnc.wait else []

    def holds(self, keys: Keys) -> list[str]:
        """The port that VNC listens on."""
        screen = screen_of(keys)
        return [str(screen.port)] if screen and screen.port is not None else []

    def files(self, name: str) -> list[tuple[str, str]]:
        """The socket that VNC listens on: bhyve leaves it."""
        return [(vnc_socket(name), "the socket of its screen")]

    def check_host(self, name: str, vm: Vm, vmm: VmmFacts) -> None:
        """bhyve can listen on a socket."""
        if vm.vnc.enabled and vm.vnc.socket and 0 < vmm.osreldate < FIRST_SOCKET:
            raise HostError(
                f"{name}: VNC of bhyve of this FreeBSD listens on no socket",
                "FreeBSD 15 can; here, omit vnc.socket or set it to false",
            )

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """The keyboard layout."""
        return [f"{LAYOUTS}/{vm.vnc.keyboard}"] if vm.vnc.keyboard else []

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """The port is free, the keyboard layout exists, and bhyve shows this resolution."""
        vnc = vm.vnc
        if not vnc.enabled:
            return
        port = vnc_port(guest, vm)
        if not vnc.socket and (holder := facts.taken.holder(self.uses, str(port))):
            raise ConflictError(
                f"{guest.name}: VNC port {port} is taken by {holder}",
                f"bsdvirt set {guest.name} vnc.port=PORT",
            )
        # bhyve would silently ignore a missing one (ps2kbd_setkbdlayout in ps2kbd.c).
        if vnc.keyboard and f"{LAYOUTS}/{vnc.keyboard}" not in facts.paths:
            raise HostError(
                f"{guest.name}: there is no keyboard layout {vnc.keyboard}",
                f"the layouts are in {LAYOUTS}",
            )
        small = 0 < facts.vmm.osreldate < FIRST_LARGE
        if small and (vnc.width > 1920 or vnc.height > 1200):
            raise UsageError(
                f"{guest.name}: a screen of {vnc.width}x{vnc.height} is more than bhyve of"
                " this FreeBSD shows",
                f"bsdvirt set {guest.name} vnc.width=1920 vnc.height=1200",
            )

    def notes(self, vm: Vm, facts: VmStartFacts) -> Iterator[str]:
        """A screen without a password on an address that others can reach."""
        vnc = vm.vnc
        if vnc.enabled and vnc.auth == "none" and not (vnc.socket or vnc.listen.ip.is_loopback):
            yield f"its screen has no password: everyone who reaches {vm.vnc.listen} can use it"

    def info(self, guest: Guest, vm: Vm, keys: Keys) -> dict[str, object]:
        """Where it is shown now, or will be after the next start."""
        if not vm.vnc.enabled:
            return {"vnc": None}
        return {"vnc": screen_of(keys) or screen_of({f"{FBUF}.rfb": vnc_address(guest, vm)})}
