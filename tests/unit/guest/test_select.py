"""Which guests are meant."""

from __future__ import annotations

import pytest

from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.select import needs_state, select
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Identity

NAMES = ("db", "web1", "web2", "www")
STATES = {"db": "running", "web1": "running", "web2": "stopped", "www": "failed"}
LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
FOUND = Inventory(
    LAYOUT,
    {
        name: Guest(name, LAYOUT, Identity(id=n, uuid="u", kind="vm" if name == "db" else "jail"))
        for n, name in enumerate(NAMES, 1)
    },
    (),
    (),
)


def chosen(*words: str, every: bool = False) -> list[str]:
    return select(words, FOUND, STATES.__getitem__, every=every)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("db",), ["db"]),
        (("www", "db", "db"), ["db", "www"]),
        (("web*",), ["web1", "web2"]),
        (("web?", "w*"), ["web1", "web2", "www"]),
        (("[dw][bw]*",), ["db", "www"]),
        (("state:running",), ["db", "web1"]),
        (("state:stopped", "db"), ["db", "web2"]),
        (("state:busy",), []),
        (("kind:jail",), ["web1", "web2", "www"]),
        (("kind:vm",), ["db"]),
        (("w*", "!www"), ["web1", "web2"]),
        (("kind:jail", "!state:running"), ["web2", "www"]),
        (("w*", "!web*", "web1"), ["web1", "www"]),
    ],
)
def test_words(words: tuple[str, ...], names: list[str]) -> None:
    assert chosen(*words) == names


def test_all() -> None:
    assert chosen(every=True) == sorted(NAMES)
    with pytest.raises(UsageError, match="--all and names do not go together"):
        chosen("db", every=True)


def test_no_guest_is_named() -> None:
    with pytest.raises(UsageError, match=r"which guest\?"):
        chosen()


def test_a_name_that_is_not_there_with_what_is_near() -> None:
    with pytest.raises(NotFoundError) as raised:
        chosen("db", "web")
    assert raised.value.message == "no guest web"
    assert raised.value.hint == "did you mean web2 or web1?"
    with pytest.raises(NotFoundError) as raised:
        chosen("zebra")
    assert raised.value.hint == "bsdvirt ls lists the guests"


def test_a_pattern_that_fits_nothing() -> None:
    with pytest.raises(NotFoundError, match=r"no guest matches x\*"):
        chosen("db", "x*")


def test_a_selector_that_is_none() -> None:
    with pytest.raises(UsageError) as raised:
        chosen("colour:red")
    assert raised.value.message == "colour:red: not a selector"
    assert raised.value.hint == "selectors are state:, kind:, tag:"


def test_the_kernel_is_asked_only_where_a_word_needs_it() -> None:
    assert needs_state(["db", "!state:running"])
    assert needs_state(["state:failed"])
    assert not needs_state(["db", "kind:jail", "web*"])
