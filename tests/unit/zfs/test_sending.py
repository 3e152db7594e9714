"""What a resume token contains, as zfs(8) prints it: a token comes from another host."""

from __future__ import annotations

import pytest

from bsdvirt.zfs.sending import Resumed, parse_resumed

SHOWN = """resume token contents:
nvlist version: 0
	fromguid = 0x51ed270b7e3ff3bf
	object = 0x1
	offset = 0x20000
	bytes = 0x40f48
	toguid = 0x8ca3ff0b1e7d2c11
	toname = zroot/bsdvirt/guests/web/root@s2
	largeblockok = 1
	compressok = 1
incremental	s1	zroot/bsdvirt/guests/web/root@s2	123456
size	123456
"""


def parsed(text: str) -> Resumed | None:
    return parse_resumed(text.split("\n"))


def test_a_token_names_what_is_sent() -> None:
    name = "zroot/bsdvirt/guests/web/root@s2"
    assert parsed(SHOWN) == Resumed(name, 0x8CA3FF0B1E7D2C11, False, 123456)
    raw = parsed(SHOWN.replace("compressok = 1", "compressok = 1\n\trawok = 1"))
    assert raw is not None
    assert raw.raw


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # zfs(8) sends another snapshot than the token says, or two.
        ("\tzroot/bsdvirt/guests/web/root@s2\t", "\tzroot/secret@a\t"),
        ("size\t", "full\tzroot/secret@a\t9\nsize\t"),
        # A value with a line feed looks like another entry.
        ("\tobject", "\tx = \n\trawok = 1\n\tobject"),
        ("\tobject", "\ttoname = zroot/secret@a\n\tobject"),
        ("\tcompressok", "\tbook_redact_snaps = 1\n\tcompressok"),
        ("toguid = 0x8ca3ff0b1e7d2c11", "toguid = many"),
        ("\ttoname = zroot/bsdvirt/guests/web/root@s2\n", ""),
    ],
)
def test_a_token_that_says_anything_else_is_not_used(old: str, new: str) -> None:
    assert old in SHOWN
    assert parsed(SHOWN.replace(old, new)) is None
