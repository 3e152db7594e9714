"""What the kinds of guests plan with, of a session."""

from __future__ import annotations

from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.view import View
from bsdvirt.net.files import Networks
from bsdvirt.session.session import Session


def view_of(session: Session, found: Inventory, networks: Networks) -> View:
    """Return the host as this session sees it, with what was read of it."""
    return View(
        session.host,
        found,
        networks,
        session.pools.layouts,
        session.new_op,
        session.draws.source,
        session.sink,
        session.preview,
        session.stopped,
        session.stand_ins,
        session.boot_from,
    )
