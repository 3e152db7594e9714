"""Claims on a network that has changed since."""

from __future__ import annotations

from bsdvirt.jail.claims import claim_nics, claims_fit
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network

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
