"""Which interfaces are on one Ethernet segment."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.net.ifshow import bridge_of
from bsdvirt_sim.state import Interface


def segment(run: Run, face: Interface) -> list[Interface]:
    """Return the interfaces on an epair's segment: the bridge of its other end, that bridge's
    members, and the jails' ends of those."""
    found = run.state.interfaces.values()
    other = next((end for end in found if end.unit == face.peer), None)
    if other is None or not other.up:
        return []
    bridge = bridge_of(run, other)
    if bridge is None:
        return [other]
    if not bridge.up:
        return [bridge]
    wire = [bridge]
    isolated = bridge.members[other.name]
    for name, private in bridge.members.items():
        member = run.state.interfaces[name]
        if not member.up or (private and isolated and member is not other):
            continue
        wire.append(member)
        wire.extend(end for end in found if end.unit == member.peer)
    return wire


def wire(run: Run, face: Interface) -> list[Interface]:
    """Return the interfaces that receive what a jail's interface, or a bridge, sends."""
    if face.kind != "bridge":
        return segment(run, face)
    members = [run.state.interfaces[name] for name in face.members]
    peers = {member.peer for member in members if member.up}
    return [face, *members, *(end for end in run.state.interfaces.values() if end.unit in peers)]
