"""Addresses of the host's stack that jails claim, beside those of networks."""

from __future__ import annotations

import pytest

from bsdvirt.errors import ConflictError
from bsdvirt.guest.claims import claim_nics
from bsdvirt.guest.inventory import Guest
from bsdvirt.jail.stack import claim_shared, shared_fit, with_shared
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Alias, Claim, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network

WANTED = Alias(address="10.77.0.2/24", interface="em0")
OTHER = Alias(address="10.77.0.9/32", interface="em0")
ME = Identity(id=1, uuid="u", kind="jail", shared=[WANTED])


def guest(identity: Identity) -> Guest:
    return Guest("db", Layout("tank/bsdvirt", "/bsdvirt"), identity)


def jail(*addresses: Alias) -> Jail:
    shared = [{"interface": a.interface, "address": a.address} for a in addresses]
    return decode(Jail, {"kind": "jail", "release": "a", "stack": "shared", "addresses": shared})


@pytest.mark.parametrize(
    "theirs",
    [
        Identity(id=2, uuid="u", kind="jail", shared=[WANTED]),
        Identity(id=2, uuid="u", kind="jail", next_shared=[WANTED]),
        Identity(
            id=2, uuid="u", kind="jail",
            nics=[Claim(network="lan", mac="02:00:00:00:00:02", address="10.77.0.2/16")],
        ),
        Identity(
            id=2, uuid="u", kind="vm",
            next=[Claim(network="lan", mac="02:00:00:00:00:02", address="10.77.0.2/16")],
        ),
    ],
    ids=["has it", "will have it", "on a network", "will have it on a network"],
)  # fmt: skip
def test_what_another_guest_has_is_refused(theirs: Identity) -> None:
    with pytest.raises(ConflictError, match="guest db's"):
        claim_shared("web", jail(WANTED), [guest(theirs)])
    assert claim_shared("web", jail(OTHER), [guest(theirs)]) == [OTHER]


def test_no_pool_gives_what_a_jail_shares() -> None:
    network = decode(
        Network, {"id": 1, "addresses": ["10.77.0.1/24"], "pools": ["10.77.0.2-10.77.0.9"]}
    )
    wants = decode(Jail, {"kind": "jail", "release": "a", "nics": [{"network": "lan"}]})
    (claim,) = claim_nics("web", wants, (), [guest(ME)], {"lan": network}, bytes)
    assert claim.address == "10.77.0.3/24"


def test_what_runs_keeps_what_it_has_until_its_next_start() -> None:
    later = with_shared(ME, [OTHER], live=True)
    assert (later.shared, later.next_shared) == ([WANTED], [OTHER])
    assert not shared_fit(jail(OTHER), later)
    back = with_shared(later, [WANTED], live=True)
    assert back == ME
    assert shared_fit(jail(WANTED), back)
    now = with_shared(later, [OTHER])
    assert (now.shared, now.next_shared) == ([OTHER], None)
    assert sorted(later.shares()) == ["10.77.0.2/24", "10.77.0.9/32"]
