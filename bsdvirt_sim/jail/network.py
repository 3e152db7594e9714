"""The network as a jail sees it: its interfaces and routes, and which addresses answer."""

from __future__ import annotations

import ipaddress

from bsdvirt_sim.context import Exit, Run
from bsdvirt_sim.net import pf, routes
from bsdvirt_sim.net.ifconfig import configure as ifconfig
from bsdvirt_sim.net.ifshow import show, stack
from bsdvirt_sim.net.interfaces import loopback
from bsdvirt_sim.net.wire import segment
from bsdvirt_sim.state import Interface, Jail

Outcome = tuple[int, str, str]


def faces(run: Run, jail: Jail) -> list[Interface]:
    """Return the interfaces that the jail sees: its own, or without vnet the host's."""
    return stack(run, jail.jid if jail.lo0 is not None else 0)


def loopback_up(jail: Jail) -> None:
    """Configure lo0 of a network stack, as /etc/rc does."""
    lo0 = jail.lo0
    assert lo0 is not None
    lo0.up, lo0.ifdisabled = True, False
    for entry in loopback(lo0.index).addresses:
        if not any(other.address == entry.address for other in lo0.addresses):
            lo0.addresses.append(entry)
    # IPv6 first, as on every FreeBSD host.
    lo0.addresses.sort(key=lambda entry: entry.kind == "inet")


def shown(run: Run, wanted: list[Interface]) -> list[str]:
    """Return what ifconfig prints of some interfaces, as lines."""
    inner = Run(run.argv, run.state, run.directory, changes=None, limit=run.limit)
    for face in wanted:
        show(inner, face)
    return "".join(inner.out).splitlines()


def configure(run: Run, jail: Jail, words: list[str]) -> Outcome:
    """Run `ifconfig IF [words]` inside the jail."""
    if jail.lo0 is None and len(words) > 1:
        raise run.unknown("a jail without vnet cannot change an interface")
    # lo0's traditional form, in which the captured jail.conf gives its address.
    if len(words) == 3 and words[0] == "lo0" and words[2] == "up" and "/" in words[1]:
        words = [words[0], "inet", *words[1:]]
    argv = ("/sbin/ifconfig", *words)
    inner = Run(argv, run.state, run.directory, changes=None, limit=run.limit)
    number = jail.jid if jail.lo0 is not None else 0
    if len(words) == 1 or words[1:] == ["inet6"]:
        face = inner.interface(words[0], number)
        if face is None:
            return 1, "", f"ifconfig: interface {words[0]} does not exist\n"
        show(inner, face, "".join(words[1:]))
        return 0, "".join(inner.out), ""
    try:
        status = ifconfig(inner, words, number)
    except Exit as end:
        status = end.status
    return status, "".join(inner.out), "".join(inner.err)


def route(run: Run, jail: Jail, words: list[str]) -> Outcome:
    """Run `route -q add [-inet6] default | -net NETWORK GATEWAY` inside the jail."""
    rest = list(words)
    if rest[:2] == ["-n", "get"] and len(rest) == 3:
        return _route_to(jail, rest[2])
    if rest[:2] != ["-q", "add"]:
        raise run.unknown(f"in the jail: route {' '.join(words)}")
    rest = rest[2:]
    kind = "inet"
    if rest[:1] in (["-inet6"], ["-inet"]):
        kind = rest.pop(0)[1:]
    if rest[:1] == ["-net"] and len(rest) == 3:
        kind = str(ipaddress.ip_network(rest[1]))
        rest = rest[1:]
    elif len(rest) != 2 or rest[0] != "default":
        raise run.unknown(f"in the jail: route {' '.join(words)}")
    gateway = rest[1].partition("%")[0]
    if kind in jail.routes:
        return 1, "", "route: message indicates error: File exists\n"
    if "%" not in rest[1] and not _local(faces(run, jail), gateway):
        return 1, "", "route: message indicates error: Network is unreachable\n"
    jail.routes[kind] = rest[1]
    return 0, "", ""


def routing(run: Run, words: list[str]) -> int:
    """Run route(8) on the host: `route -j JAIL ...` in a jail (route.c), whose usage text is left
    out where it has no -j."""
    if words[:1] != ["-j"]:
        return routes.route(run, words)
    jail = run.jail(words[1])
    if jail is None or not run.release.tools_reach_jails:
        run.reads()
        if run.release.tools_reach_jails:
            raise run.fail("route: Jail not found")
        raise run.fail("route: illegal option -- j", 64)
    run.changes()
    status, out, error = route(run, jail, words[2:])
    run.out.append(out)
    run.err.append(error)
    return status


def _route_to(jail: Jail, address: str) -> Outcome:
    """Run `route -n get ADDRESS` inside the jail: print its gateway."""
    gateway = _router(jail, address)
    if gateway is None:
        return 255, "", "route: route has not been found\n"
    return 0, f"   route to: {address}\n    gateway: {gateway}\n", ""


def _networks(face: Interface) -> list[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    return [
        ipaddress.ip_interface(f"{entry.address.partition('%')[0]}/{entry.prefix}")
        for entry in face.addresses
    ]


def _local(where: list[Interface], address: str) -> list[Interface]:
    """Return the interfaces that are up and have the address on one of their networks."""
    wanted = ipaddress.ip_address(address)
    return [
        face
        for face in where
        if face.up
        for entry in _networks(face)
        if entry.version == wanted.version and wanted in entry.network
    ]


def _has(face: Interface, address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    return face.up and any(entry.ip == wanted for entry in _networks(face))


def reaches(run: Run, jail: Jail, address: str) -> bool | None:
    """Whether the address answers; None where there is no route to it."""
    mine = faces(run, jail)
    if any(_has(face, address) for face in mine):
        return True
    near = _local(mine, address)
    if near:
        return any(_has(face, address) for near_ in near for face in segment(run, near_))
    if jail.lo0 is None:
        return any(_has(face, address) for face in run.state.interfaces.values())
    gateway = _router(jail, address)
    if gateway is None:
        return None
    # Beyond the gateway is the host, whose own addresses answer; of the network beyond,
    # the host's router answers packets that come from the host's address.
    if not reaches(run, jail, gateway):
        return False
    if address == run.state.gateway:
        way = _local(mine, gateway)[0]
        return any(pf.translates(run, str(entry.ip)) for entry in _networks(way))
    return any(_has(face, address) for face in stack(run, 0))


def nc(run: Run, jail: Jail, words: list[str]) -> int:
    """Run `nc -z -w SECONDS ADDRESS PORT` inside the jail: whether the port answers."""
    match words:
        case ["-z", "-w", seconds, address, port] if seconds.isdigit() and port.isdigit():
            if not reaches(run, jail, address):
                return 1
            at, number = pf.leads_to(run, address, int(port)) or (address, int(port))
            return 0 if answers(run, at, number) else 1
    raise run.unknown(f"in the jail: nc {' '.join(words)}")


def answers(run: Run, address: str, port: int) -> bool:
    """Whether a running jail has that address, and answers on that port."""
    return any(
        not jail.dying
        and port in run.state.listening.get(jail.name, ())
        and any(entry.address == address for face in faces(run, jail) for entry in face.addresses)
        for jail in run.state.jails.values()
    )


def _router(jail: Jail, address: str) -> str | None:
    """Return the next router to an address that is not local: that of the longest prefix."""
    wanted = ipaddress.ip_address(address)
    nets = [ipaddress.ip_network(to) for to in jail.routes if "/" in to]
    near = [net for net in nets if net.version == wanted.version and wanted in net]
    if near:
        return jail.routes[str(max(near, key=lambda net: net.prefixlen))]
    return jail.routes.get("inet6" if wanted.version == 6 else "inet")


def ping(run: Run, jail: Jail, address: str) -> Outcome:
    """Run `ping -c1 ADDRESS` inside the jail."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return 68, "", f"ping: cannot resolve {address}: Name does not resolve\n"
    if version == 6:
        return _ping6(run, jail, address)
    head = f"PING {address} ({address}): 56 data bytes\n"
    tail = f"\n--- {address} ping statistics ---\n1 packets transmitted, "
    answers = reaches(run, jail, address)
    if answers:
        took = "2.135"
        return (
            0,
            f"{head}64 bytes from {address}: icmp_seq=0 ttl=64 time={took} ms\n"
            f"{tail}1 packets received, 0.0% packet loss\n"
            f"round-trip min/avg/max/stddev = {took}/{took}/{took}/0.000 ms\n",
            "",
        )
    error = "" if answers is False else "ping: sendto: No route to host\n"
    return 2, f"{head}{tail}0 packets received, 100.0% packet loss\n", error


def _ping6(run: Run, jail: Jail, address: str) -> Outcome:
    """Run the same for IPv6, with the messages of ping6.c: no capture shows it."""
    answers = reaches(run, jail, address)
    if answers is None:
        raise run.unknown("what ping says without an IPv6 route was never shown")
    wanted = ipaddress.ip_address(address)
    mine = [entry for face in faces(run, jail) for entry in _networks(face) if entry.version == 6]
    near = [entry for entry in mine if wanted in entry.network] or mine
    head = f"PING6(56=40+8+8 bytes) {near[0].ip} --> {address}\n"
    tail = f"\n--- {address} ping6 statistics ---\n1 packets transmitted, "
    if not answers:
        return 2, f"{head}{tail}0 packets received, 100.0% packet loss\n", ""
    took = "2.135"
    return (
        0,
        f"{head}16 bytes from {address}, icmp_seq=0 hlim=64 time={took} ms\n"
        f"{tail}1 packets received, 0.0% packet loss\n"
        f"round-trip min/avg/max/std-dev = {took}/{took}/{took}/0.000 ms\n",
        "",
    )
