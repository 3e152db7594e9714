"""Whose network stack a jail has, and addresses of the host's."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.stack import AliasAddress


def jail(**words: Any) -> Jail:
    return decode(Jail, {"kind": "jail", "release": "a", **words})


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("10.0.0.2", "10.0.0.2/32"),
        ("10.0.0.2/24", "10.0.0.2/24"),
        ("fd00::2", "fd00::2/128"),
        ("FD00:0::2/64", "fd00::2/64"),
    ],
)
def test_an_address_has_a_prefix(text: str, is_: str) -> None:
    address = AliasAddress.parse(text)
    assert address == is_
    assert address.version == (6 if ":" in text else 4)
    assert str(address.ip) == is_.split("/")[0]


@pytest.mark.parametrize("text", ["10.0.0.0/24", "0.0.0.0", "10.0.0.2/33", "web", "fe80::1%em0/64"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadValueError):
        AliasAddress.parse(text)


A = {"interface": "em0", "address": "10.0.0.2"}


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ({"stack": "shared"}, "addresses: `stack: shared` needs an address"),
        ({"addresses": [A]}, "addresses: `stack: vnet` has no addresses"),
        ({"stack": "inherit", "addresses": [A]}, "addresses: `stack: inherit`"),
        ({"stack": "none", "nics": [{"network": "lan"}]}, "nics: `stack: none` has no interfaces"),
        (
            {"stack": "shared", "addresses": [A, {"address": "10.0.0.2/24"}]},
            "addresses.1.address: 10.0.0.2 is given twice",
        ),
    ],
)
def test_what_does_not_go_together(words: dict[str, Any], at: str) -> None:
    with pytest.raises(UsageError) as caught:
        jail(**words)
    assert at in caught.value.message


def test_the_ruleset_goes_with_the_stack() -> None:
    assert jail().ruleset == 5
    assert jail(stack="inherit").ruleset == 4
    assert jail(stack="none", devfs_ruleset=11).ruleset == 11
