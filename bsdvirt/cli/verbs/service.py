"""bsdvirt service"""

from __future__ import annotations

from bsdvirt.cli.common import GuestOptions
from bsdvirt.cli.guest_command import arguments as arguments
from bsdvirt.cli.guest_command import session_of
from bsdvirt.ops.enter import attach


def run(options: GuestOptions) -> int:
    return attach(session_of(options), options.guest, ("service", *options.command))
