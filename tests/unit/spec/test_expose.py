"""Ports that guests expose: what is taken, how it is written, which two clash."""

from __future__ import annotations

import pytest

from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.expose import Expose, refuse_clashes


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("tcp:8080:80", "tcp:8080:80"),
        ("udp:53", "udp:53:53"),
        ("tcp:8000-8010", "tcp:8000-8010:8000-8010"),
        ("tcp:8000-8010:80", "tcp:8000-8010:80-90"),
        ("tcp:80@2001:DB8::1", "tcp:80:80@2001:db8::1"),
        ("tcp:80:8080@192.0.2.5", "tcp:80:8080@192.0.2.5"),
    ],
)
def test_one_form(text: str, canonical: str) -> None:
    assert Expose.parse(text) == canonical
    assert Expose.parse(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8080:80", "write PROTOCOL"),
        ("sctp:80", "write PROTOCOL"),
        ("tcp:0", "1..65535"),
        ("tcp:80:65536", "1..65535"),
        ("tcp:90-80", "backwards"),
        ("tcp:80-90:80-85", "same length"),
        ("tcp:1-1000:65000", "beyond port"),
        ("tcp:80@nowhere", "IP address"),
    ],
)
def test_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(BadValueError, match=words):
        Expose.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("tcp:80", "tcp:80:8080", True),
        ("tcp:80", "udp:80", False),
        ("tcp:80-90", "tcp:90", True),
        ("tcp:80-90", "tcp:91", False),
        ("tcp:80@192.0.2.5", "tcp:80@192.0.2.6", False),
        ("tcp:80@192.0.2.5", "tcp:80", True),
    ],
)
def test_which_clash(one: str, other: str, clash: bool) -> None:
    pair = [Expose.parse(one), Expose.parse(other)]
    assert pair[0].clashes(pair[1]) is clash
    assert pair[1].clashes(pair[0]) is clash
    if clash:
        with pytest.raises(BadValueError, match="the same port"):
            refuse_clashes(pair)
    else:
        refuse_clashes(pair)
