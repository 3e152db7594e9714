"""bsdvirt pkg"""

from __future__ import annotations

from bsdvirt.cli.common import GuestOptions
from bsdvirt.cli.guest_command import arguments as arguments
from bsdvirt.cli.guest_command import session_of
from bsdvirt.ops.enter import package


def run(options: GuestOptions) -> int:
    return package(session_of(options), options.guest, options.command)
