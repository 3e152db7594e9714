"""The MTU of a bridge and its members, as commands for hosts of either kind."""

from __future__ import annotations

from msgspec.structs import replace

from bsdvirt.facts.ifconfig import Interface, parse
from bsdvirt.net.settings import mtu_steps
from bsdvirt.plan.step import Command, InterfaceMtu, Step

HEAD = "flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu"
MEMBER = "\tmember: {} flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>\n"


def faces(bridge: int, **members: int) -> dict[str, Interface]:
    text = f"bvnet3: {HEAD} {bridge}\n" + "".join(MEMBER.format(name) for name in members)
    text += "".join(f"{name}: {HEAD} {mtu}\n" for name, mtu in members.items())
    return parse(text)


def commands(steps: list[Step]) -> list[tuple[str, int | None]]:
    """Each command's interface, and the status besides 0 that it may end with."""
    found = []
    for step in steps:
        assert isinstance(step.do, Command)
        assert step.do.argv[2:] == ("mtu", "1400")
        found.append((step.do.argv[1], step.do.ok[1] if len(step.do.ok) > 1 else None))
    return found


def steps_of(known: dict[str, Interface], mtu: int = 1400) -> list[Step]:
    return list(mtu_steps("lan", mtu, known["bvnet3"], known))


def test_a_bridge_without_members_is_set_alone() -> None:
    assert commands(steps_of(faces(1500))) == [("bvnet3", None)]


def test_nothing_where_all_have_it() -> None:
    assert not steps_of(faces(1400, em0=1400))


def test_the_bridge_is_tried_before_its_members_and_set_after_them() -> None:
    steps = steps_of(faces(1500, em0=1500, em1=1400))
    assert commands(steps) == [("bvnet3", 1), ("em0", None), ("bvnet3", None)]
    assert [step.unless for step in steps] == [
        None, InterfaceMtu("em0", 1400), InterfaceMtu("bvnet3", 1400),
    ]  # fmt: skip


def test_what_is_undone_last_is_the_bridge() -> None:
    """Where members follow it they come back with it; where not, they are back before it."""
    first, member, last = steps_of(faces(1500, em0=1500))
    (back,) = first.undo
    assert isinstance(back.do, Command)
    assert back.do.argv[1:] == ("bvnet3", "mtu", "1500")
    assert member.undo
    assert not last.undo


def test_a_member_that_is_gone_is_nobodys_matter() -> None:
    known = faces(1500, em0=1500)
    known["bvnet3"] = replace(known["bvnet3"], members=("em0", "gone0"))
    assert [name for name, _ in commands(steps_of(known))] == ["bvnet3", "em0", "bvnet3"]
