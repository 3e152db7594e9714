"""The host's routing table: route(8) and netstat(1)."""

from __future__ import annotations

import ipaddress
import json

from bsdvirt_sim.context import Run
from bsdvirt_sim.net import traffic
from bsdvirt_sim.state import Interface

_ROUTE = """   route to: 0.0.0.0
destination: 0.0.0.0
       mask: 0.0.0.0
    gateway: {gateway}
        fib: 0
  interface: {interface}
      flags: <UP,GATEWAY,DONE,STATIC>
 recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire
       0         0         0         0      1500         1         0 
"""
PID_FILE = "/var/run/dhclient/dhclient.{}.pid"


def forget(run: Run, address: str, face: Interface, position: int) -> None:
    """Remove the routes that depend on an address when it leaves its position on an interface:
    those added while it was the first of its network there (in_ifadownkill in in_rmx.c)."""
    gateway = run.state.gateway
    network = ipaddress.ip_interface(address).network
    if not gateway or ipaddress.ip_address(gateway) not in network:
        return
    before = [a for a in face.addresses[:position] if a.kind == "inet"]
    if not any(ipaddress.ip_address(a.address) in network for a in before):
        run.state.gateway = ""


def _way(run: Run, gateway: str) -> Interface | None:
    """Return the host's interface that reaches the gateway."""
    for face in run.state.interfaces.values():
        for entry in face.addresses:
            if face.jail or entry.kind != "inet":
                continue
            network = ipaddress.ip_network(f"{entry.address}/{entry.prefix}", strict=False)
            if ipaddress.ip_address(gateway) in network:
                return face
    return None


def route(run: Run, words: list[str]) -> int:
    """Run route(8): show or add the default route."""
    state = run.state
    if words[:3] == ["-q", "-n", "add"]:
        run.changes()
        if len(words) != 5 or words[3] != "default":
            raise run.unknown("only the IPv4 default route of the host is simulated")
        if state.gateway:
            raise run.fail("route: message indicates error: File exists")
        if _way(run, words[4]) is None:
            raise run.fail("route: message indicates error: Network is unreachable")
        state.gateway = words[4]
        return 0
    run.reads()
    if words == ["-n", "get", "-inet6", "default"] or (
        words == ["-n", "get", "default"] and not state.gateway
    ):
        raise run.fail("route: route has not been found", 255)
    if words != ["-n", "get", "default"]:
        raise run.unknown()
    face = _way(run, state.gateway)
    run.out.append(_ROUTE.format(gateway=state.gateway, interface=face.name if face else "vtnet0"))
    return 0


def netstat(run: Run, words: list[str]) -> int:
    """Run `netstat -rn --libxo json -f inet` (captures/02-ifconfig), without host routes, or
    `netstat -ibn --libxo json`."""
    match words:
        case ["-ibn", "--libxo", "json"]:
            return traffic.interfaces(run)
        case ["-ibn", "--libxo", "json", "-I", name]:
            run.only_wide("one interface")
            return traffic.interfaces(run, name)
    if words != ["-rn", "--libxo", "json", "-f", "inet"]:
        raise run.unknown()
    run.reads()
    rows = []
    if run.state.gateway and (way := _way(run, run.state.gateway)):
        rows.append(_row("default", run.state.gateway, "UGS", way.name))
    for face in run.state.interfaces.values():
        for entry in face.addresses:
            if not face.jail and entry.kind == "inet":
                network = ipaddress.ip_network(f"{entry.address}/{entry.prefix}", strict=False)
                rows.append(_row(str(network), f"link#{face.index}", "U", face.name))
    family = {"address-family": "Internet", "rt-entry": rows}
    table = {"route-information": {"route-table": {"rt-family": [family]}}}
    run.print(json.dumps({"statistics": table}))
    return 0


def _row(destination: str, gateway: str, flags: str, interface: str) -> dict[str, str]:
    return {
        "destination": destination,
        "gateway": gateway,
        "flags": flags,
        "interface-name": interface,
    }


def departed(run: Run, face: Interface) -> None:
    """Remove a departed interface's routes and its dhclient (routehandler in dhclient.c)."""
    for entry in face.addresses:
        if entry.kind == "inet":
            forget(run, f"{entry.address}/{entry.prefix}", face, 0)
    if face.name in run.state.dhclients:
        end_dhclient(run, face.name)


def end_dhclient(run: Run, name: str) -> None:
    """Kill dhclient: the address stays, since it catches no signal (dhclient.c)."""
    run.state.dhclients.remove(name)
    run.fs.unlink(PID_FILE.format(name))
