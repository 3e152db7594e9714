"""What a report does not tell."""

from __future__ import annotations

import pytest

from bsdvirt.ops.show.masked import Mask, secrets_of
from bsdvirt.spec.load import load_guest

HASH = "$6$saltsalt$" + 86 * "a"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("10.77.0.2/24 and 10.77.0.3", "address-1/24 and address-2"),
        ("10.77.0.2 is 10.77.0.2", "address-1 is address-1"),
        ("netmask 255.255.255.0, 0.0.0.0, 127.0.0.1", "netmask 255.255.255.0, 0.0.0.0, 127.0.0.1"),
        ("2001:db8::1 and 2001:DB8::1, not ::1", "address6-1 and address6-1, not ::1"),
        ("fe80::1%em0", "address6-1%em0"),
        ("ether 02:01:02:03:04:0a", "ether mac-1"),
        ("9611c62b-19b1-4d8e-9a3b-1376eb1bde5d", "id-1"),
        ("2026-11-27T20:31:29Z, 15.1, 1.2.3", "2026-11-27T20:31:29Z, 15.1, 1.2.3"),
        ("on build7.example.org", "on host-1"),
        ("the password is hunter22!", "the password is SECRET!"),
        ("a::b::c and tcp:8080:80", "a::b::c and tcp:8080:80"),
    ],
)  # fmt: skip
def test_words_are_masked(text: str, masked: str) -> None:
    assert Mask({"hunter22", "x"}, ["build7.example.org"])(text) == masked


def test_secrets_are_found_wherever_they_are_declared() -> None:
    vnc = "{enabled: true, auth: own, password: hunter22}"
    text = f"kind: vm\nmemory: 1G\nvnc: {vnc}\ncloud: {{password: {HASH}}}\n"
    assert secrets_of(load_guest(text, "x")) == {"hunter22", HASH}


def test_what_a_jail_is_given_as_text_is_secret() -> None:
    text = (
        "kind: jail\nrelease: none\nparams:\n  env.TOKEN: abcd1234\n  meta: wxyz\n  osrelease: x\n"
    )
    assert secrets_of(load_guest(text, "x")) == {"abcd1234", "wxyz"}
