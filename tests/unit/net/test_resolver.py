"""Which name servers a guest is given."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.net.resolver import Reach, for_guest
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network


def network(**data: Any) -> Network:
    return decode(Network, {"id": 0, "addresses": ["10.77.0.1/24"], **data})


OWN = Reach([network()], ["10.77.0.9/24"], ["10.77.0.1"])
LOCAL = "search example.org\nnameserver 127.0.0.1\noptions edns0\n"


@pytest.mark.parametrize(
    ("host", "reach", "answering", "text"),
    [
        ("nameserver 9.9.9.9\n", OWN, (), "nameserver 9.9.9.9\n"),
        (LOCAL, OWN, (), None),
        ("nameserver ::1\n", OWN, (), None),
        ("search example.org\n", OWN, (), None),
        (LOCAL, OWN, ("10.77.0.1",), "search example.org\noptions edns0\nnameserver 10.77.0.1\n"),
        (LOCAL, Reach([network(dns=["10.77.0.2"])], OWN.addresses, OWN.gateways), (),
         "search example.org\noptions edns0\nnameserver 10.77.0.2\n"),
        ("nameserver 127.0.0.1\nnameserver 9.9.9.9\n", OWN, (), "nameserver 9.9.9.9\n"),
        ("nameserver 9.9.9.9\n", Reach([network()], ["10.77.0.9/24"]), (), None),
        ("nameserver 10.77.0.5\n", Reach([network()], ["10.77.0.9/24"]), (),
         "nameserver 10.77.0.5\n"),
        ("nameserver 10.5.0.1\n", Reach([], ["10.77.0.9/24"], (), ["10.5.0.0/16"]), (),
         "nameserver 10.5.0.1\n"),
        ("nameserver fe80::1%em0\n", OWN, (), None),
        ("nameserver 2001:db8::1\n", OWN, (), None),
    ],
)  # fmt: skip
def test_what_a_guest_reaches(
    host: str, reach: Reach, answering: tuple[str, ...], text: str | None
) -> None:
    found, why = for_guest(host, reach, answering)
    assert found == text
    assert bool(why) == (text is None)


def test_a_guest_whose_addresses_are_not_known_has_what_may_be_of_use() -> None:
    assert for_guest("nameserver 9.9.9.9\n", Reach([network()]), ()) == (
        "nameserver 9.9.9.9\n",
        "",
    )
    assert for_guest(LOCAL, Reach([network()]), ()) == (None, "")
