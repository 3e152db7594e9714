"""User networking: cards that need no network of the host. They are interfaces on `slirp`
(spec/vmdevices.py's VmNic), and the one of the property `slirp` (spec/slirp.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bsdvirt.bhyve.devices.base import Device, Keys, Missing, Pairs, RunSettings, VmStartFacts
from bsdvirt.bhyve.keys import escape
from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.vmm import PathKind
from bsdvirt.guest import forwards
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.expose import LOCALHOST, Expose
from bsdvirt.spec.nic import SLIRP
from bsdvirt.spec.vm import SLIRP_SLOT, Vm

HELPER = "/usr/libexec/bhyve-slirp-helper"
"""What bhyve runs for it (net_backend_slirp.c of 15.1), as `nobody`."""
LIBRARY = "/usr/local/lib/libslirp.so.0"
PACKAGE = "libslirp"
MODELS = {"virtio": "virtio-net", "e1000": "e1000"}
CLOSED = (
    "slirp: a card that is not open has no connection at all on FreeBSD 15.1, whose"
    " bhyve-slirp-helper cannot leave root inside its sandbox"
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card with user networking."""

    at: str
    """Where the guest's file has its ports."""
    slot: int
    model: str
    open: bool
    forward: tuple[Expose, ...]
    default: str
    """The host's address of ports that name none."""
    mac: str = ""

    @property
    def rules(self) -> list[str]:
        """The rules of hostfwd."""
        return [rule for one in self.forward for rule in forwards.hostfwd(one, self.default)]


def cards(guest: Guest, vm: Vm) -> Iterator[Card]:
    """Yield the cards with user networking. The first of the interfaces has the exposed ports."""
    slirp = vm.slirp
    if slirp.enabled:
        forward = tuple(slirp.forward)
        yield Card("slirp.forward", SLIRP_SLOT, slirp.model, slirp.open, forward, LOCALHOST)
    exposed = tuple(vm.expose) if forwards.by_bhyve(guest, vm) else ()
    for nic, claim in zip(vm.nics, guest.identity.nics, strict=False):
        if nic.has_user_networking and claim.network == SLIRP and claim.slot is not None:
            yield Card(
                "expose", claim.slot, nic.model, nic.is_open, exposed, forwards.ANY, claim.mac
            )
            exposed = ()


class UserNetwork(Device):
    """The cards with user networking of a guest."""

    uses = "forwards"

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """A slot for each card. Without `mac`, bhyve makes an address of the guest's name."""
        for card in cards(guest, vm):
            keys = [("device", MODELS[card.model]), ("backend", "slirp"), ("type", "slirp")]
            if card.open:
                keys.append(("open", "true"))
            if card.rules:
                keys.append(("hostfwd", ";".join(card.rules)))
            if card.mac:
                keys.append(("mac", card.mac))
            yield card.slot, keys

    def holds(self, keys: Keys) -> list[str]:
        """The ports of the host."""
        return [
            _port(rule)
            for key, rules in keys.items()
            if key.startswith("pci.") and key.endswith(".hostfwd")
            for rule in rules.split(";")
        ]

    def paths(self, guest: Guest, vm: Vm) -> list[str]:
        """bhyve's helper, and the library that it opens."""
        return [HELPER, LIBRARY] if vm.has_user_networking else []

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """What it needs is there, and nobody else has its ports: bhyve would go on without it."""
        for lack in self.missing(guest, vm, facts.paths):
            raise HostError(f"{guest.name}: {lack.problem}", lack.hint)
        for card in cards(guest, vm):
            hint = (
                f"bsdvirt expose {guest.name} --remove {card.forward[0]}"
                if card.at == "expose" and card.forward
                else f"bsdvirt set {guest.name} slirp.forward=PORTS"
            )
            forwards.refuse_by_hostfwd(guest.name, card.forward, card.at)
            for rule in card.rules:
                if holder := facts.taken.holder(self.uses, _port(rule)):
                    raise ConflictError(
                        f"{guest.name}: {card.at}: port {_port(rule)} is in use by {holder}", hint
                    )
            for one in card.forward:
                on = str(one.on or card.default)
                for protocol, address, port in facts.vmm.listens:
                    here = ":" not in address and (
                        on in {forwards.ANY, address} or address in {"*", forwards.ANY}
                    )
                    if protocol == one.protocol and port in one.ports and here:
                        raise ConflictError(
                            f"{guest.name}: {card.at}: the host itself listens on {protocol}"
                            f" {port}", hint,
                        )  # fmt: skip

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
        """A helper or library that does not exist."""
        if not vm.has_user_networking:
            return
        if HELPER not in paths:
            yield Missing(
                f"slirp: there is no {HELPER}, which user networking needs",
                "FreeBSD 15 has it; here, use a network with nat",
            )
        elif LIBRARY not in paths:
            yield Missing(f"slirp: there is no {LIBRARY}", f"pkg install {PACKAGE}")

    def notes(self, vm: Vm, facts: VmStartFacts) -> Iterable[str]:
        """A card that bhyve's helper may leave without connection."""
        closed = vm.slirp.enabled and not vm.slirp.open
        if closed or any(nic.has_user_networking and not nic.is_open for nic in vm.nics):
            yield CLOSED

    def at_reboot(self, conf: str, guest: Guest, before: Vm, after: Vm) -> str:
        """Return the configuration with the ports that the guest is to have when it reboots."""
        was = {card.slot: card for card in cards(guest, before)}
        for card in cards(guest, after):
            old = was.get(card.slot)
            if old is not None and old.rules != card.rules:
                conf = _with_rules(conf, card.slot, card.rules)
        return conf


def _with_rules(conf: str, slot: int, rules: list[str]) -> str:
    """Return the configuration with other ports of the card in a slot, which stays the same."""
    node = f"pci.0.{slot}.0."
    lines = [line for line in conf.split("\n") if not line.startswith(f"{node}hostfwd=")]
    card = f"{node}type=slirp"
    if rules and card in lines:
        lines.insert(lines.index(card) + 1, f"{node}hostfwd={escape(';'.join(rules))}")
    return "\n".join(lines)


def _port(rule: str) -> str:
    """Return the protocol and port of the host of such a rule."""
    protocol, _, port = rule.partition("-")[0].split(":")
    return f"{protocol} {port}"
