"""The host's routes: route(8) and netstat(1), and dhclient(8) that keeps them."""

from __future__ import annotations

import ipaddress
import json

from bsdvirt_sim.context import Run
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
_PID = "/var/run/dhclient/dhclient.{}.pid"
_LEASE = ipaddress.ip_interface("10.0.2.15/24")
"""What qemu's own network, that of the captured host, gives its one guest."""


def forget(run: Run, address: str, face: Interface, position: int) -> None:
    """An address leaves the place that it had on its interface, and the routes by it go: those
    that were added while it was the first of its network there (in_ifadownkill in in_rmx.c)."""
    gateway = run.state.gateway
    network = ipaddress.ip_interface(address).network
    if not gateway or ipaddress.ip_address(gateway) not in network:
        return
    before = [a for a in face.addresses[:position] if a.kind == "inet"]
    if not any(ipaddress.ip_address(a.address) in network for a in before):
        run.state.gateway = ""


def _way(run: Run, gateway: str) -> Interface | None:
    """The host's interface that the gateway is reached by."""
    for face in run.state.interfaces.values():
        for entry in face.addresses:
            if face.jail or entry.kind != "inet":
                continue
            network = ipaddress.ip_network(f"{entry.address}/{entry.prefix}", strict=False)
            if ipaddress.ip_address(gateway) in network:
                return face
    return None


def route(run: Run, words: list[str]) -> int:
    """route(8): the default route, shown or added."""
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
    """`netstat -rn --libxo json -f inet` (captures/02-ifconfig), without the host routes."""
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


def dhclient(run: Run, words: list[str]) -> int:
    """`dhclient -b IF`: a lease at once, of what the captured host has."""
    if len(words) != 2 or words[0] != "-b":
        raise run.unknown()
    run.changes()
    _lease(run, words[1])
    return 0


def _lease(run: Run, name: str) -> None:
    face = run.interface(name, 0)
    if face is None:
        raise run.fail(f"ifconfig: interface {name} does not exist")
    if name in run.state.dhclients:
        raise run.fail("dhclient already running, pid: 4711.\nexiting.")
    run.state.dhclients.append(name)
    run.fs.mkdir("/var/run/dhclient")
    run.fs.write(_PID.format(name), "4711\n")
    if not any(entry.address == str(_LEASE.ip) for entry in face.addresses):
        from bsdvirt_sim.net.ifconfig import configure

        configure(run, [name, "inet", str(_LEASE)], 0)
    if not run.state.gateway:
        run.state.gateway = "10.0.2.2"


def service(run: Run, words: list[str]) -> int:
    """`service dhclient start | stop IF` (rc.d/dhclient): for what rc.conf has DHCP on."""
    from bsdvirt_sim.tools import sysrc

    match words:
        case ["dhclient", "start" | "stop" as verb, name]:
            pass
        case _:
            raise run.unknown()
    rc = sysrc.read(run)
    if "DHCP" not in rc.get(f"ifconfig_{name}", rc.get("ifconfig_DEFAULT", "")).upper():
        raise run.fail(f"'{name}' is not a DHCP-enabled interface")
    if verb == "stop":
        if name not in run.state.dhclients:
            raise run.fail(f"dhclient not running? (check {_PID.format(name)}).")
        _end(run, name)
        run.print("Stopping dhclient.")
        return 0
    if name in run.state.dhclients:
        raise run.fail("dhclient already running?  (pid=4711).")
    run.print("Starting dhclient.")
    _lease(run, name)
    return 0


def _end(run: Run, name: str) -> None:
    """dhclient is killed: the address stays, since it catches no signal (dhclient.c)."""
    run.state.dhclients.remove(name)
    run.fs.unlink(_PID.format(name))


def departed(run: Run, face: Interface) -> None:
    """An interface is gone, with the routes by it and its dhclient (routehandler in
    dhclient.c)."""
    for entry in face.addresses:
        if entry.kind == "inet":
            forget(run, f"{entry.address}/{entry.prefix}", face, 0)
    if face.name in run.state.dhclients:
        _end(run, face.name)


def boot(run: Run, rc: dict[str, str]) -> None:
    """What rc.d/netif and rc.d/dhclient make of the cards and cloned bridges in rc.conf."""
    from bsdvirt_sim.net.ifconfig import configure

    run.state.gateway, run.state.dhclients = "", []
    for name in rc.get("cloned_interfaces", "").split():
        configure(run, [name, "create", *rc.get(f"create_args_{name}", "").split()], 0)
    cards = [face for face in run.state.interfaces.values() if face.kind == "ether"]
    bridges = [face for face in run.state.interfaces.values() if face.kind == "bridge"]
    for face in (*cards, *bridges):
        words = rc.get(f"ifconfig_{face.name}", rc.get("ifconfig_DEFAULT"))
        if words is not None:
            _netif(run, face, words.split())
    run.state.gateway = run.state.gateway or rc.get("defaultrouter", "")


def _netif(run: Run, face: Interface, words: list[str]) -> None:
    from bsdvirt_sim.net.ifconfig import configure

    plain = [word for word in words if "DHCP" not in word.upper() and word[0] != "-"]
    if "netmask" in plain:
        at = plain.index("netmask")
        inet = ipaddress.ip_interface(f"{plain[at - 1]}/{plain[at + 1]}")
        plain[at - 1 : at + 2] = [str(inet)]
    face.addresses = []
    if plain:
        configure(run, [face.name, *plain], 0)
    if any("DHCP" in word.upper() for word in words):
        _lease(run, face.name)


def pkill(run: Run, words: list[str]) -> int:
    """`pkill -F PIDFILE`, of a dhclient."""
    known = {_PID.format(name): name for name in run.state.dhclients}
    if len(words) != 2 or words[0] != "-F" or not words[1].startswith("/var/run/dhclient/"):
        raise run.unknown()
    run.changes()
    if words[1] not in known:
        raise run.fail(f"pkill: Cannot open pidfile `{words[1]}': No such file or directory", 3)
    _end(run, known[words[1]])
    return 0
