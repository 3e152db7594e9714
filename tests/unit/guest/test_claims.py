"""What guests claim of the host: ids, MAC addresses, addresses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.claims import carried, claim_nics, claims_fit, free_id, free_mac, host_end_mac
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Claim, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic


def network(**data: Any) -> Network:
    return decode(Network, {"id": 0, **data})


LAN = network(addresses=["10.77.0.1/24"], pools=["10.77.0.2-10.77.0.5"])
BOTH = network(
    addresses=["10.78.0.1/24", "fd00:78::1/64"],
    pools=["10.78.0.2-10.78.0.9", "fd00:78::2-fd00:78::9"],
)
BARE = network()
NETS = {"lan": LAN, "both": BOTH, "bare": BARE}


def jail(*nics: dict[str, Any]) -> Jail:
    return decode(Jail, {"kind": "jail", "release": "13.2-RELEASE", "nics": list(nics)})


def guest(name: str, number: int, *claims: Claim) -> Guest:
    return Guest(
        name,
        Layout("tank/bsdvirt", "/bsdvirt"),
        Identity(id=number, uuid="u", kind="jail", nics=list(claims)),
    )


def counting() -> Callable[[int], bytes]:
    """Chance that counts: 2, 4, 6 … in the last byte."""
    numbers = itertools.count(1)
    return lambda length: bytes(length - 1) + bytes([next(numbers) * 2])


def claim(
    wanted: Jail, before: tuple[Claim, ...] = (), others: tuple[Guest, ...] = ()
) -> list[Claim]:
    return claim_nics("web", wanted, before, others, NETS, counting())


def held(address: str | None, mac: str = "02:aa:00:00:00:00", net: str = "lan") -> Claim:
    return Claim(network=net, mac=mac, address=address)


def test_ids_begin_at_1_and_holes_are_filled() -> None:
    assert free_id([]) == 1
    assert free_id([guest("a", 1), guest("b", 2), guest("c", 4)]) == 3


def test_all_ids_are_taken() -> None:
    every = [guest(f"g{number}", number) for number in range(1, 2048)]
    assert free_id(every[:-1]) == 2047
    with pytest.raises(ConflictError, match="all 2047 guest ids"):
        free_id(every)


def test_a_mac_is_local_unicast_and_even() -> None:
    mac = free_mac(lambda length: b"\xff" * length, ())
    assert mac == "02:ff:ff:ff:ff:fe"
    first = int(mac[:2], 16)
    assert first & 2
    assert not first & 1


def test_the_hosts_end_differs_in_the_last_bit() -> None:
    assert host_end_mac("02:ff:ff:ff:ff:fe") == "02:ff:ff:ff:ff:ff"
    assert host_end_mac("02:00:00:00:00:00") == "02:00:00:00:00:01"


def test_a_mac_that_is_taken_is_not_given_again() -> None:
    draws = iter([b"\0\0\0\0\0", b"\0\0\0\0\x01", b"\0\0\0\0\x02"])
    assert free_mac(lambda length: next(draws), ["02:00:00:00:00:00"]) == "02:00:00:00:00:02"


def test_the_lowest_free_address_of_the_pool_with_the_networks_prefix() -> None:
    (got,) = claim(jail({"network": "lan"}))
    assert got == Claim(network="lan", mac="02:00:00:00:00:02", address="10.77.0.2/24")
    others = (guest("a", 1, held("10.77.0.2/24")), guest("b", 2, held("10.77.0.4/24")))
    (got,) = claim(jail({"network": "lan"}), others=others)
    assert got.address == "10.77.0.3/24"


def test_ipv6_where_the_network_has_it() -> None:
    (got,) = claim(jail({"network": "both"}))
    assert (got.address, got.address6) == ("10.78.0.2/24", "fd00:78::2/64")


def test_none_is_none_and_a_network_without_pools_gives_none() -> None:
    got = claim(jail({"network": "both", "address": "none"}, {"network": "bare"}))
    assert [(c.address, c.address6) for c in got] == [(None, "fd00:78::2/64"), (None, None)]


def test_two_interfaces_of_one_guest_never_share() -> None:
    got = claim(jail({"network": "lan"}, {"network": "lan"}))
    assert [c.address for c in got] == ["10.77.0.2/24", "10.77.0.3/24"]
    assert got[0].mac != got[1].mac


def test_the_same_address_on_another_network_is_free() -> None:
    others = (guest("a", 1, held("10.77.0.2/24", net="other")),)
    assert claim(jail({"network": "lan"}), others=others)[0].address == "10.77.0.2/24"


def test_what_fits_is_kept_though_something_lower_is_free() -> None:
    before = (held("10.77.0.5/24", "02:bb:00:00:00:00"),)
    (got,) = claim(jail({"network": "lan"}), before)
    assert (got.address, got.mac) == ("10.77.0.5/24", "02:bb:00:00:00:00")


@pytest.mark.parametrize(
    "before",
    [
        held("10.77.0.200/24"),
        held("10.77.0.3/24", net="bare"),
        held(None),
    ],
    ids=["out of the pools", "of another network", "none before"],
)
def test_what_fits_no_more_is_given_anew_and_the_mac_stays(before: Claim) -> None:
    (got,) = claim(jail({"network": "lan"}), (before,))
    assert (got.network, got.address, got.mac) == ("lan", "10.77.0.2/24", before.mac)


def test_what_somebody_else_has_meanwhile_is_given_anew() -> None:
    """A copy of a guest comes with the claims of the first."""
    first = guest("a", 1, held("10.77.0.3/24", "02:bb:00:00:00:00"))
    before = (held("10.77.0.3/24", "02:bb:00:00:00:00"),)
    (got,) = claim(jail({"network": "lan"}), before, (first,))
    assert (got.address, got.mac) == ("10.77.0.2/24", "02:00:00:00:00:02")


def test_an_interface_less_frees_its_claim() -> None:
    assert claim(jail(), (held("10.77.0.3/24"),)) == []


def test_a_pool_that_is_used_up() -> None:
    others = tuple(guest(f"g{n}", n, held(f"10.77.0.{n}/24")) for n in range(2, 6))
    with pytest.raises(ConflictError) as raised:
        claim(jail({"network": "lan"}), others=others)
    assert raised.value.message == "network lan: no free IPv4 address is left in its pools"
    assert raised.value.hint


def test_a_static_address_gets_the_networks_prefix() -> None:
    assert claim(jail({"network": "lan", "address": "10.77.0.9"}))[0].address == "10.77.0.9/24"
    assert claim(jail({"network": "lan", "address": "10.77.0.9/32"}))[0].address == "10.77.0.9/32"
    got = claim(jail({"network": "bare", "address": "192.0.2.7/28"}))
    assert got[0].address == "192.0.2.7/28"


def test_a_static_address_that_somebody_has() -> None:
    others = (guest("a", 1, held("10.77.0.3/24")),)
    with pytest.raises(ConflictError, match=r"10\.77\.0\.3 is taken on network lan"):
        claim(jail({"network": "lan", "address": "10.77.0.3"}), others=others)


def test_a_static_address_that_is_the_hosts_own() -> None:
    with pytest.raises(ConflictError, match=r"10\.77\.0\.1 is the host's own on network lan"):
        claim(jail({"network": "lan", "address": "10.77.0.1"}))


def test_a_static_address_without_a_prefix_on_a_network_that_knows_none() -> None:
    with pytest.raises(UsageError, match=r"192\.0\.2\.7: not in a subnet of network bare"):
        claim(jail({"network": "bare", "address": "192.0.2.7"}))


def test_a_network_that_is_not_there() -> None:
    with pytest.raises(UsageError) as raised:
        claim(jail({"network": "lan"}, {"network": "wan"}))
    assert raised.value.message == "web: nics.1.network: no network wan"
    assert "lan, both, bare" in raised.value.hint


FITS = [
    ({"network": "lan"}, held("10.77.0.3/24"), True),
    ({"network": "lan"}, held("10.77.0.99/24"), False),
    ({"network": "lan"}, held(None), False),
    ({"network": "lan"}, held("10.77.0.3/24", net="both"), False),
    ({"network": "lan", "address": "none"}, held(None), True),
    ({"network": "lan", "address": "none"}, held("10.77.0.3/24"), False),
    ({"network": "lan", "address": "10.77.0.9"}, held("10.77.0.9/24"), True),
    ({"network": "lan", "address": "10.77.0.9/24"}, held("10.77.0.9/24"), True),
    ({"network": "lan", "address": "10.77.0.9/24"}, held("10.77.0.8/24"), False),
    ({"network": "lan", "address": "10.77.0.9/32"}, held("10.77.0.9/24"), False),
    ({"network": "nosuch"}, held(None, net="nosuch"), False),
    ({"network": "bare"}, held(None, net="bare"), True),
]


@pytest.mark.parametrize(("nic", "claimed", "fits"), FITS)
def test_whether_claims_fit_the_file(nic: dict[str, Any], claimed: Claim, fits: bool) -> None:
    assert claims_fit(jail(nic), [claimed], NETS) == fits


def test_as_many_claims_as_interfaces() -> None:
    assert not claims_fit(jail({"network": "lan"}), [], NETS)
    assert not claims_fit(jail(), [held("10.77.0.3/24")], NETS)
    assert claims_fit(jail(), [], NETS)


def test_what_was_claimed_fits_what_was_asked_for() -> None:
    """Else each start would claim again."""
    for nic in (
        {"network": "both"},
        {"network": "lan", "address": "10.77.0.9"},
        {"network": "bare"},
    ):
        wanted = jail(nic)
        assert claims_fit(wanted, claim(wanted), NETS)


# ---- MAC addresses that are given ----


def test_a_mac_that_is_given_is_had_and_kept() -> None:
    wanted = jail({"network": "lan", "mac": "02:00:00:00:00:0b"})
    (mine,) = claim(wanted)
    assert mine.mac == "02:00:00:00:00:0b"
    assert host_end_mac(mine.mac) == "02:00:00:00:00:0a"
    assert claims_fit(wanted, [mine], NETS)
    other = jail({"network": "lan", "mac": "02:00:00:00:00:0d"})
    assert not claims_fit(other, [mine], NETS)
    assert claim(other, (mine,))[0].mac == "02:00:00:00:00:0d"
    assert claim(jail({"network": "lan"}), (mine,))[0].mac == mine.mac


@pytest.mark.parametrize("mac", ["02:00:00:00:00:0a", "02:00:00:00:00:0b"])
def test_a_mac_is_one_guests_on_both_its_ends(mac: str) -> None:
    theirs = guest("db", 1, held("10.77.0.2/24", "02:00:00:00:00:0a"))
    with pytest.raises(ConflictError, match=r"nics\.0\.mac"):
        claim(jail({"network": "lan", "mac": mac}), others=(theirs,))
    odd = guest("db", 1, held("10.77.0.2/24", "02:00:00:00:00:03"))
    assert claim(jail({"network": "lan"}), others=(odd,))[0].mac == "02:00:00:00:00:04"


@pytest.mark.parametrize("mac", ["01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00", "zz"])
def test_what_is_no_mac_of_one_card(mac: str) -> None:
    with pytest.raises(UsageError, match=r"nics\.0\.mac"):
        jail({"network": "lan", "mac": mac})


def test_a_guest_has_a_mac_once() -> None:
    card = {"network": "lan", "mac": "02:00:00:00:00:0a"}
    with pytest.raises(UsageError, match=r"nics\.1\.mac"):
        jail(card, card)


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
