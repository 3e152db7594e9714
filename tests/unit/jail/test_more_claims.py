"""Claims on a network that has changed since."""

from __future__ import annotations

import pytest

from bsdvirt.guest.claims import carried, claim_nics, claims_fit
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic

JAIL = decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", "nics": [{"network": "lan"}]})
HELD = Claim(network="lan", mac="02:aa:00:00:00:00", address="10.77.0.5/24")


def _after(**changed: object) -> tuple[bool, str | None]:
    """Whether the claim still fits, and what is claimed anew."""
    data = {"id": 0, "addresses": ["10.77.0.1/24"], "pools": ["10.77.0.2-10.77.0.9"], **changed}
    networks = {"lan": decode(Network, data)}
    (got,) = claim_nics("web", JAIL, [HELD], [], networks, bytes)
    return claims_fit(JAIL, [HELD], networks), got.address


def test_an_address_that_the_host_has_taken_itself_is_given_up() -> None:
    assert _after(addresses=["10.77.0.5/24"]) == (False, "10.77.0.2/24")


def test_an_address_that_has_become_the_gateway_is_given_up() -> None:
    assert _after(gateway="10.77.0.5") == (False, "10.77.0.2/24")


def test_a_network_that_has_grown_gives_its_new_prefix() -> None:
    assert _after(addresses=["10.77.0.1/16"]) == (False, "10.77.0.5/16")


LAN = decode(Network, {"id": 0, "addresses": ["10.77.0.1/24"], "pools": ["10.77.0.2-10.77.0.9"]})
ONE, TWO, THREE = (
    Claim(network="lan", mac=f"02:aa:00:00:00:0{n}", address=f"10.77.0.{n}/24", slot=n)
    for n in (2, 4, 6)
)


def _nics(*given: dict[str, int]) -> list[Nic]:
    return [decode(Nic, {"network": "lan", **nic}) for nic in given]


SMALL, LARGE, OTHER = {"mtu": 1400}, {"mtu": 1500}, {"mtu": 1300}


@pytest.mark.parametrize(
    ("before", "after", "inherited"),
    [
        ([SMALL, LARGE], [LARGE], [TWO]),
        ([SMALL, LARGE], [SMALL], [ONE]),
        ([SMALL, LARGE], [OTHER, SMALL, LARGE], [None, ONE, TWO]),
        ([SMALL, LARGE], [SMALL, OTHER], [ONE, TWO]),
        ([SMALL, LARGE, OTHER], [SMALL, OTHER], [ONE, THREE]),
        ([SMALL], [], []),
        ([], [SMALL], [None]),
    ],
    ids=["first out", "last out", "one ahead", "changed", "middle out", "none left", "first in"],
)
def test_interfaces_that_stay_keep_what_they_held(
    before: list[dict[str, int]], after: list[dict[str, int]], inherited: list[Claim | None]
) -> None:
    claims = [ONE, TWO, THREE][: len(before)]
    assert carried(_nics(*before), _nics(*after), claims) == inherited


def test_claims_of_another_file_are_taken_in_their_order() -> None:
    assert carried(_nics(SMALL), _nics(SMALL, LARGE), [ONE, TWO]) == [ONE, TWO]


def test_what_is_new_takes_no_address_that_another_is_about_to_keep() -> None:
    nics = [{"network": "lan"}, {"network": "lan"}]
    jail = decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", "nics": nics})
    new, kept = claim_nics("web", jail, [None, ONE], [], {"lan": LAN}, bytes)
    assert kept.address == ONE.address
    assert kept.mac == ONE.mac
    assert new.address == "10.77.0.3/24"
