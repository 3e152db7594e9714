"""Shared by the verbs that run one program for a guest: pkg, service, sysrc."""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_guest, open_session
from bsdvirt.session.session import Session


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the guest; its arguments are split off before."""
    parser.usage = f"{parser.prog} GUEST ARGUMENT …"
    add_guest(parser)


def session_of(options: GuestOptions) -> Session:
    """Open the session. Raises HostError unless this is root."""
    session = open_session(options, changes=False)
    session.need_root()
    return session
