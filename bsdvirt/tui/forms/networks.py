"""The forms that create and change a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bsdvirt.spec.base import Live
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import GuestName
from bsdvirt.tui.forms.check import Assignments, Problem, Root, problem
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.field import NO, YES, Control, FormField
from bsdvirt.tui.forms.form import Form, Order
from bsdvirt.tui.forms.sections import Section, sections_of, value_at
from bsdvirt.tui.forms.values import checked

NAME = "network"
TAKE = "take-address"
BESIDE_TAKING = {"uplink": "--uplink", "pools": "--pool", "private": "--private",
                 "description": "--description"}  # fmt: skip
"""The properties that go with --take-address, as options."""
ID = {"id": 0}
"""The number that a new network gets is the command's matter."""


def _fields(data: Mapping[str, Any], *fixed: Live) -> list[Section]:
    """Return the sections of a network's properties, without its number."""
    return [
        Section(one.title, tuple(field for field in one.fields if field.path != "id"), one.help)
        for one in sections_of(Root(Network, data), fixed=fixed)
    ]


def create_network(host: str) -> Form:
    """Return the form of a new network."""
    name = FormField(
        NAME, "name", "Name of the network, such as lan.", GuestName.words, required=True,
        check=checked(GuestName),
    )  # fmt: skip
    take = FormField(
        TAKE, "take address",
        "Move the uplink's address to the new bridge. It is moved back unless it is confirmed"
        " within a minute (bsdvirt network confirm NET).",
        "yes | no", control=Control.CHOICE, choices=(NO, YES), default=NO, check=lambda text: "",
    )  # fmt: skip
    first, *others = map(_of_new, _fields({}))
    first = Section("network", (name, *first.fields, take), first.help)

    def order(draft: Draft) -> Order:
        words = ("network", "create", draft.value(NAME).strip())
        own = [one for one in draft.assignments() if one[0] not in (NAME, TAKE)]
        if draft.value(TAKE) != YES:
            return Order((*words, *(f"{path}={text}" for path, text in own)))
        options = [word for path, text in own for word in _option(path, text)]
        return Order((*words, "--take-address", *options))

    def check(assignments: Assignments) -> Problem | None:
        own = [one for one in assignments if one[0] not in (NAME, TAKE)]
        return problem([Root(Network, ID)], own)

    return Form("Create a network", host, Draft([first, *others], {}, check), order)


def _of_new(section: Section) -> Section:
    """Return a section without when changes take hold."""
    return replace(section, fields=tuple(replace(one, live=None) for one in section.fields))


def _option(path: str, text: str) -> list[str]:
    if path == "private":
        return ["--private"] if text == YES else []
    option = BESIDE_TAKING.get(path)
    return [word for one in text.split(",") for word in (option, one)] if option else []


def set_network(host: str, name: str, data: Mapping[str, Any]) -> Form:
    """Return the form that changes a network, whose properties are `data`."""
    sections = _fields(data, Live.NEVER)
    given = {field.path: value_at(data, field.path) for one in sections for field in one.fields}

    def order(draft: Draft) -> Order:
        words = [f"{path}={text}" for path, text in draft.assignments()]
        return Order(("network", "set", name, *words))

    def check(assignments: Assignments) -> Problem | None:
        return problem([Root(Network, data)], assignments)

    return Form(f"Network {name}", host, Draft(sections, given, check), order)
