"""User networking: a card that needs no network of the host. The properties are spec/slirp.py's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.bhyve.devices.base import Device, Keys, Missing, Pairs, RunSettings, VmStartFacts
from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.vmm import PathKind
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.slirp import Slirp
from bsdvirt.spec.vm import SLIRP_SLOT, Vm

HELPER = "/usr/libexec/bhyve-slirp-helper"
"""What bhyve runs for it (net_backend_slirp.c of 15.1), as `nobody`."""
LIBRARY = "/usr/local/lib/libslirp.so.0"
PACKAGE = "libslirp"
LOCALHOST = "127.0.0.1"
MODELS = {"virtio": "virtio-net", "e1000": "e1000"}


class UserNetwork(Device):
    """The card with user networking of a guest."""

    uses = "forwards"

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """Its slot. bhyve makes its MAC address of the guest's name."""
        slirp = vm.slirp
        if not slirp.enabled:
            return
        keys = [("device", MODELS[slirp.model]), ("backend", "slirp"), ("type", "slirp")]
        if slirp.open:
            keys.append(("open", "true"))
        if slirp.forward:
            keys.append(("hostfwd", ";".join(_rules(slirp))))
        yield SLIRP_SLOT, keys

    def holds(self, keys: Keys) -> list[str]:
        """The ports of the host."""
        rules = keys.get(f"pci.0.{SLIRP_SLOT}.0.hostfwd")
        return [_port(rule) for rule in rules.split(";")] if rules else []

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """bhyve's helper, and the library that it opens."""
        return [HELPER, LIBRARY] if vm.slirp.enabled else []

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """What it needs is there, and nobody else has its ports: bhyve would go on without it."""
        for lack in self.missing(guest, vm, facts.paths):
            raise HostError(f"{guest.name}: {lack.problem}", lack.hint)
        hint = f"bsdvirt set {guest.name} slirp.forward=PORTS"
        for rule in _rules(vm.slirp):
            if holder := facts.taken.holder(self.uses, _port(rule)):
                raise ConflictError(
                    f"{guest.name}: slirp.forward: port {_port(rule)} is in use by {holder}", hint
                )
        for one in vm.slirp.forward:
            here = {"*", "0.0.0.0", str(one.on or LOCALHOST)}  # noqa: S104
            for protocol, address, port in facts.vmm.listens:
                if protocol == one.protocol and port in one.ports and address in here:
                    raise ConflictError(
                        f"{guest.name}: slirp.forward: the host itself listens on {protocol}"
                        f" {port}", hint,
                    )  # fmt: skip

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """A helper or library that does not exist."""
        if vm.slirp.enabled and HELPER not in paths:
            yield Missing(
                f"slirp: bhyve of this FreeBSD has no user networking: there is no {HELPER}",
                f"FreeBSD 15 has it; bsdvirt set {guest.name} slirp.enabled=false",
            )
        elif vm.slirp.enabled and LIBRARY not in paths:
            yield Missing(f"slirp: there is no {LIBRARY}", f"pkg install {PACKAGE}")


def _rules(slirp: Slirp) -> Iterator[str]:
    """Yield the rules of hostfwd: without an address, the guest is the one that DHCP gave."""
    for one in slirp.forward:
        for port, inner in zip(one.ports, one.guest_ports, strict=True):
            yield f"{one.protocol}:{one.on or LOCALHOST}:{port}-:{inner}"


def _port(rule: str) -> str:
    """Return the protocol and port of the host of such a rule."""
    protocol, _, port = rule.partition("-")[0].split(":")
    return f"{protocol} {port}"
