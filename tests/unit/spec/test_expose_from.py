"""Ports that are open to one network only."""

from __future__ import annotations

import pytest

from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.expose import Expose


@pytest.mark.parametrize(
    ("text", "kept", "source"),
    [
        ("tcp:80~10.0.0.0/8", "tcp:80:80~10.0.0.0/8", "10.0.0.0/8"),
        ("tcp:8080:80@192.0.2.1~10.0.0.7", "tcp:8080:80@192.0.2.1~10.0.0.7/32", "10.0.0.7/32"),
        ("udp:53@fd00::1~fd00::/8", "udp:53:53@fd00::1~fd00::/8", "fd00::/8"),
        ("tcp:80", "tcp:80:80", None),
    ],
)
def test_forms(text: str, kept: str, source: str | None) -> None:
    one = Expose.parse(text)
    assert one == kept
    assert Expose.parse(one) == one
    assert one.source == source
    assert (one.ports[0], one.guest_ports[-1]) == (Expose.parse(kept).ports[0], one.guest_ports[0])


@pytest.mark.parametrize(
    "text", ["tcp:80~", "tcp:80~x", "tcp:80@192.0.2.1~fd00::/8", "tcp:80~10.0.0.1/8"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(BadValueError):
        Expose.parse(text)


def test_networks_apart_do_not_clash() -> None:
    office, home = Expose.parse("tcp:80~10.0.0.0/8"), Expose.parse("tcp:80:81~192.168.0.0/16")
    assert not office.clashes(home)
    assert office.clashes(Expose.parse("tcp:80"))
    assert office.clashes(Expose.parse("tcp:80~10.1.0.0/16"))
