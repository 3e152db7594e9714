"""The host file, bsdvirt.yaml: where things lie, and defaults."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.spec.base import Live, Spec, prop
from bsdvirt.spec.types import AbsolutePath, DatasetName, GuestName


class Defaults(Spec, frozen=True, kw_only=True):
    """What a new guest gets where the command does not say."""

    network: Annotated[
        GuestName, prop("The network of a new guest's first interface.", live=Live.NOW)
    ] = GuestName("private")
    autostart: Annotated[bool, prop("Whether new guests start at boot.", live=Live.NOW)] = False


class HostFile(Spec, frozen=True, kw_only=True):
    """The host."""

    dataset: Annotated[DatasetName, prop("The root dataset.", live=Live.NEVER)]
    mountpoint: Annotated[AbsolutePath, prop("Where it is mounted.", live=Live.NEVER)] = (
        AbsolutePath("/bsdvirt")
    )
    parallel: (
        Annotated[
            int,
            prop(
                "Guests worked on at once; the number of CPUs where it is not given.",
                live=Live.NOW,
                ge=1,
                le=64,
            ),
        ]
        | None
    ) = None
    defaults: Annotated[Defaults, prop("What a new guest gets.", live=Live.NOW)] = Defaults()
