"""What a preview has shown is what is run, byte for byte; and what is run where the host has
changed since."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scenario_hosts import sim_world

from bsdvirt.errors import ConflictError
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.jls import read_jails
from bsdvirt.host import tools
from bsdvirt.kinds import is_running
from bsdvirt.net.bridge import bridge_of
from bsdvirt.ops.change import assign
from bsdvirt.ops.create.guests import Create
from bsdvirt.ops.create.jail import JailOrder
from bsdvirt.ops.network.networks import CreateNetwork, DestroyNetwork
from bsdvirt.ops.rename import Rename
from bsdvirt.ops.snapshots.rollback import Rollback, read_lost
from bsdvirt.ops.snapshots.take import Take
from bsdvirt.ops.tags import Tag
from bsdvirt.plan.render import plan_as_shell
from bsdvirt.session.prepared import ChangedError, Request, carry_out_one, confirm, preview
from bsdvirt.session.session import Session
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt_sim import SimHost

RELEASE = "15.1-RELEASE"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with sim_world() as (driver, _):
        assert driver.sim is not None
        yield Session(SimHost(driver.sim))


def confirmed(session: Session, request: Request) -> str:
    """Show a request, confirm it, and compare what a second preview then says: the message."""
    shown = preview(session, request)
    assert all(plan_as_shell(plan) for plan in shown.plans)
    (outcome,) = confirm(session, request, shown)
    assert outcome.error is None
    assert (outcome.name, outcome.message) == (shown.tasks[0].name, shown.tasks[0].message)
    return outcome.message


def create(name: str, *, start: bool = False) -> Create:
    settings = {"kind": "jail", "release": RELEASE, "nics": [{"network": "private"}]}
    return Create((name,), JailOrder(decode(Jail, settings)), start=start)


def test_a_guest_gets_the_mac_address_that_was_shown(session: Session) -> None:
    request = create("web")
    shown = preview(session, request)
    (outcome,) = confirm(session, request, shown)
    assert outcome.error is None
    made = session.inventory().guest("web").identity
    text = "".join(map(plan_as_shell, shown.plans))
    assert made.nics[0].mac in text and made.uuid in text


def test_each_kind_of_change_can_be_confirmed(session: Session) -> None:
    carry_out_one(session, create("app"))
    assert confirmed(session, Tag("app", ("front",))) == "tags: front"
    assert confirmed(session, assign(["app"], [("limits.pcpu", "50")])) == "set"
    assert confirmed(session, Rename("app", "api")) == "was app"
    network = CreateNetwork("lan", {"addresses": ["10.9.0.1/24"]})
    assert confirmed(session, network) == "created"
    assert confirmed(session, DestroyNetwork("lan")) == "destroyed"


def test_a_network_that_was_made_meanwhile_is_not_made_twice(session: Session) -> None:
    first = CreateNetwork("dmz", {"addresses": ["10.8.0.1/24"]})
    second = CreateNetwork("lab", {"addresses": ["10.7.0.1/24"]})
    shown = preview(session, second)
    carry_out_one(session, first)
    with pytest.raises(ChangedError) as caught:
        confirm(session, second, shown)
    assert "lab" not in session.networks()
    # The new plan has the next number.
    (outcome,) = confirm(session, second, caught.value.now)
    assert outcome.error is None
    assert session.networks()["lab"].id != session.networks()["dmz"].id


def test_a_creation_with_a_start_shows_both_and_the_network_that_is_brought_up(
    session: Session,
) -> None:
    bridge = bridge_of(session.networks()["private"])
    for member in read_interfaces(session.host)[bridge].members:
        session.host.run((tools.IFCONFIG, bridge, "deletem", member), changes=True).check()
    session.host.run((tools.IFCONFIG, bridge, "destroy"), changes=True).check()
    request = create("box", start=True)
    shown = preview(session, request)
    assert [(plan.verb, plan.subject) for plan in shown.plans] == [
        ("create", "box"), ("up", "private"), ("start", "box"),
    ]  # fmt: skip
    assert "box" not in session.inventory().guests
    (outcome,) = confirm(session, request, shown)
    assert outcome.error is None
    assert outcome.message.startswith(f"created from {RELEASE}")
    assert "; started at " in outcome.message
    assert is_running(session.inventory().guest("box"), read_jails(session.host), session.host.fs)


def test_a_guest_that_would_not_start_is_not_created(session: Session) -> None:
    settings = {"kind": "jail", "release": RELEASE, "devfs_ruleset": 99}
    request = Create(("sad",), JailOrder(decode(Jail, settings)), start=True)
    shown = preview(session, request)
    assert shown.plans == [] and shown.outcomes[0].error is not None
    (outcome,) = confirm(session, request, shown)
    assert outcome.error is not None and "99" in outcome.error.message
    assert "sad" not in session.inventory().guests


def test_a_rollback_takes_no_snapshot_that_was_not_shown(session: Session) -> None:
    carry_out_one(session, create("back"))
    for name in ("a", "b"):
        carry_out_one(session, Take(("back",), name))
    request = Rollback("back", "a")
    shown = preview(session, request)
    late = f"{session.inventory().guest('back').dataset}/root@auto"
    session.host.run((tools.ZFS, "snapshot", late), changes=True).check()
    with pytest.raises(ChangedError):
        confirm(session, request, shown)
    seen = read_lost(session, session.inventory().guest("back"), "a").names
    with pytest.raises(ConflictError, match="would be lost: .*/root@auto"):
        carry_out_one(session, Rollback("back", "a", agreed=seen - {late}))
    assert confirmed(session, request) == "rolled back to a"
