"""What forms become: words that the command line takes; every property has its place in a form."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest

from bsdvirt.cli.parser import parse
from bsdvirt.spec.base import Live, Names, Spec, prop
from bsdvirt.spec.fields import fields_of
from bsdvirt.spec.paths import split_assignments
from bsdvirt.spec.schema import ROOTS, properties
from bsdvirt.spec.types import Memory
from bsdvirt.tui.forms.check import Root, problem
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.field import Control
from bsdvirt.tui.forms.networks import create_network
from bsdvirt.tui.forms.objects import OBJECTS, open_object
from bsdvirt.tui.forms.offers import OFFERS
from bsdvirt.tui.forms.open import FORMS
from bsdvirt.tui.forms.sections import sections_of, value_at

TYPED = {
    "release fetch": {"release": "14.3-RELEASE", "with": "lib32,src"},
    "release add": {"source": "/usr/freebsd-dist", "name": "15.1-RELEASE"},
    "image fetch": {"profile": "debian-13", "name": "deb"},
    "image import": {"file": "/tmp/a.raw", "name": "a", "loader": "uefi", "cloud-init": "yes"},
    "media add": {"source": "https://host/a.iso", "checksum": "a" * 64},
    "pool add": {"dataset": "tank/bsdvirt", "name": "tank", "mountpoint": "/tank"},
    "disk add": {"disk": "data", "size": "10G", "bus": "nvme", "readonly": "yes"},
    "disk resize": {"disk": "disk0", "size": "40G"},
    "nic add": {"network": "lan", "address": "10.0.0.9/24", "private": "no", "mtu": "1400"},
    "insert": {"medium": "a.iso", "name": "cd1"},
    "mount": {"source": "/srv", "target": "/data", "readonly": "yes", "name": "srv"},
    "expose": {"ports": "tcp:8080:80\nudp:53", "on": "10.0.0.1"},
    "rename": {"name": "other"},
    "tag": {"tags": "prod\nweb"},
    "clone": {"snapshot": "base", "names": "a\nb", "properties": "quota=1G", "full": "yes",
              "keep-keys": "no"},
}  # fmt: skip
WORDS = {
    "disk add": "disk add web data --size 10G --bus nvme --readonly",
    "nic add": "nic add web --network lan --address 10.0.0.9/24 --no-private --mtu 1400",
    "mount": "mount web /srv:/data --ro --name srv",
    "expose": "expose web tcp:8080:80 udp:53 --on 10.0.0.1",
    "tag": "tag web prod web",
    "clone": "clone web@base a b quota=1G --full",
    "release fetch": "release fetch 14.3-RELEASE --with lib32,src",
}


@pytest.mark.parametrize("name", OBJECTS)
def test_a_form_becomes_words_that_the_command_line_takes(name: str) -> None:
    form = open_object("", name, "web")
    for path, text in TYPED[name].items():
        assert form.draft.field(path), path
        form.draft.set(path, text)
    assert form.draft.problems() == {}
    words = form.order(form.draft).words
    assert " ".join(words) == WORDS.get(name, " ".join(words))
    parse((), words[0], words[1:])


def test_every_form_can_be_opened() -> None:
    assert set(FORMS) == OBJECTS.keys() | {"network create", "network set"}


def test_a_value_is_refused_in_the_words_of_the_command_line() -> None:
    form = open_object("", "disk add", "web")
    form.draft.set("disk", "data")
    assert "either a size or a path is needed" in form.draft.problems()["size"]
    form.draft.set("size", "10")
    assert form.draft.problems() == {"size": "'10' is 10 bytes (write 10M or 10G)"}
    form.draft.set("size", "10G")
    assert form.draft.problems() == {}


def test_the_address_of_an_uplink_is_taken_by_options() -> None:
    form = create_network("")
    for path, text in {"network": "lan", "uplink": "em0", "take-address": "yes"}.items():
        form.draft.set(path, text)
    words = form.order(form.draft).words
    assert words == ("network", "create", "lan", "--take-address", "--uplink", "em0")
    parse((), words[0], words[1:])


class Engine(Spec, frozen=True, kw_only=True):
    """A struct that no form has seen before."""

    memory: Annotated[Memory, prop("Memory of the engine.", unit="bytes", live=Live.NOW)]
    fuel: Annotated[Literal["diesel", "petrol"], prop("What it burns.")] = "diesel"
    spare: Annotated[bool, prop("Carry a spare one.", live=Live.NEVER)] = False
    near: Annotated[list[str], prop("Where it stands.", names=Names.NETWORK)] = []


def test_a_property_added_to_the_declarations_is_in_the_form() -> None:
    root = Root(Engine, {"memory": "1G"})
    (section,) = sections_of(root, fixed=(Live.NEVER,))
    memory, fuel, spare, near = section.fields
    assert (memory.help, memory.unit, memory.when) == ("Memory of the engine.", "bytes", "at once")
    assert (fuel.control, fuel.choices, fuel.default) == (
        Control.CHOICE, ("diesel", "petrol"), "diesel",
    )  # fmt: skip
    assert (spare.choices, spare.fixed) == (("no", "yes"), True)
    assert (near.control, near.names) == (Control.LINES, Names.NETWORK)
    draft = Draft([section], {"memory": "1G"}, lambda a: problem([root], a))
    draft.set("memory", "1Q")
    assert draft.problems() == {
        "memory": "'1Q' is not a size: write it as 512M, with K, M, G or T (Memory of the engine.)"
    }
    draft.set("memory", "2G")
    draft.set("fuel", "petrol")
    draft.set("near", "a\nb,c")
    assert draft.problems() == {}
    assert draft.assignments() == [("memory", "2G"), ("fuel", "petrol"), ("near", "[a, 'b,c']")]


@pytest.mark.parametrize("kind", ["jail", "vm", "network"])
def test_every_property_is_in_the_form_of_its_file(kind: str) -> None:
    """Those of elements are, once there is an element."""
    sections = sections_of(Root(ROOTS[kind]))  # type: ignore[index]
    shown = {field.path for section in sections for field in section.fields}
    known = [info.name for info in properties(kind) if not info.name.startswith("boot.")]  # type: ignore[arg-type]
    lists = {name.split(".")[0] for name in known if ".N." in name or ".NAME." in name}
    assert {name for name in known if name.split(".")[0] not in lists} <= shown
    assert {f"{name}.add" for name in lists} <= shown


def test_what_names_something_has_something_to_offer() -> None:
    assert OFFERS.keys() == set(Names)


def test_values_are_read_as_they_are_written() -> None:
    data = {"exec": {"start": ["/bin/sh /etc/rc", "a, b"]}, "disks": [{"name": "d0", "size": "1G"}]}
    assert value_at(data, "exec.start") == "/bin/sh /etc/rc\na, b"
    assert value_at(data, "disks.d0.size") == "1G"
    assert value_at(data, "disks.d1.size") == ""
    assert split_assignments(["exec.start=[/bin/sh /etc/rc, 'a, b']"])
    assert fields_of(ROOTS["jail"])["exec"]
