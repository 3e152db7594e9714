"""What a jail mounted under a name that is not text is unmounted all the same."""

from __future__ import annotations

import msgspec

from bsdvirt.host import tools
from bsdvirt.jail.clean import unmount_step
from bsdvirt.plan.step import Command, MountedBeneath, Not, UnmountBeneath


def test_bytes_that_are_no_text_stand_in_no_step() -> None:
    step = unmount_step("/bv/guests/web/root/mnt/a\udcffb/c")
    assert step.do == UnmountBeneath("/bv/guests/web/root/mnt")
    assert step.unless == Not(MountedBeneath("/bv/guests/web/root/mnt"))
    msgspec.json.encode(step)


def test_a_name_of_text_is_named() -> None:
    path = "/bv/guests/web/root/mnt/caf\u00e9?\n"
    assert unmount_step(path).do == Command((tools.UMOUNT, path))
