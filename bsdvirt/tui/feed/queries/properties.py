"""What is asked about the properties of a guest."""

from __future__ import annotations

from typing import Any

from bsdvirt.guest.inventory import load_guest_file
from bsdvirt.guest.order import IDENTITY_PREFIX
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import fields_of, plain
from bsdvirt.spec.identity import Boot
from bsdvirt.tui.feed.source import Query

BOOT = tuple(f"{IDENTITY_PREFIX}{name}" for name in fields_of(Boot))
"""The properties that are not in a guest's file: the words to ask for them."""


def _file(session: Session, name: str) -> dict[str, Any]:
    found = session.inventory()
    guest = found.guest(name)
    data: dict[str, Any] = plain(
        load_guest_file(session.host.fs, found.home(guest.name), guest.name)
    )
    return data


def _boot(session: Session, name: str, *properties: str) -> dict[str, Any]:
    boot = session.inventory().guest(name).identity.boot
    return {one: plain(getattr(boot, one.removeprefix(IDENTITY_PREFIX))) for one in properties}


FILE = Query(("get",), dict[str, Any], _file)
"""Asked with the name of a guest: the properties in its file, without defaults."""
IDENTITY = Query(("get",), dict[str, Any], _boot)
"""Asked with the name of a guest, and BOOT: how it starts at boot."""
