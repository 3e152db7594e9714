"""User networking: a card of a virtual machine that needs no network of the host."""

from __future__ import annotations

from typing import Annotated, Literal

from bsdvirt.spec.base import BadValueError, Spec, prop
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.expose import MOST_FORWARDS, Expose, refuse_clashes


class Slirp(Spec, frozen=True, kw_only=True):
    """A network card with user networking."""

    enabled: Annotated[
        bool,
        prop(
            "Provide a network card that needs no network of the host: bhyve itself is its router, "
            "with DHCP in 10.0.2.0/24. It is slow, is the guest's first card, in PCI slot 1, and "
            "needs FreeBSD 15 and the package libslirp.",
            becomes=DeviceKey("device", by="bhyve.devices.slirp"),
        ),
    ] = False
    open: Annotated[
        bool,
        prop(
            "Let the guest connect to the outside; otherwise it only answers at `forward`.",
            becomes=DeviceKey("open", by="bhyve.devices.slirp"),
        ),
    ] = False
    forward: Annotated[
        list[Expose],
        prop(
            "Ports of the host that are forwarded to the guest at this card, in the form of "
            "`expose`, such as tcp:2222:22; of 127.0.0.1 unless `@` names another address.",
            becomes=DeviceKey("hostfwd", by="bhyve.devices.slirp"),
            max_length=MOST_FORWARDS,
        ),
    ] = []
    model: Annotated[
        Literal["virtio", "e1000"],
        prop(
            "Model of the network card.",
            becomes=DeviceKey("device", by="bhyve.devices.slirp"),
        ),
    ] = "virtio"

    def __post_init__(self) -> None:
        if self.forward and not self.enabled:
            raise BadValueError("there is no such card", at="forward.0", hint="set slirp.enabled")
        for number, one in enumerate(self.forward):
            if one.source is not None or (one.on is not None and one.on.version == 6):
                raise BadValueError(
                    f"{one}: user networking forwards IPv4, and from every address",
                    at=f"forward.{number}", hint="write tcp:2222:22 or tcp:2222:22@ADDRESS",
                )  # fmt: skip
        if sum(len(one.ports) for one in self.forward) > MOST_FORWARDS:
            raise BadValueError(f"more than {MOST_FORWARDS} ports", at="forward")
        try:
            refuse_clashes(self.forward)
        except BadValueError as error:
            raise BadValueError(str(error), at=f"forward.{error.at}") from None
