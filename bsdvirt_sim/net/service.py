"""service(8): what the scripts of rc.d/ do to the host (libexec/rc)."""

from __future__ import annotations

import ipaddress

from bsdvirt_sim.context import Run
from bsdvirt_sim.net import pf
from bsdvirt_sim.net.dhclient import lease
from bsdvirt_sim.net.ifconfig import configure
from bsdvirt_sim.net.ifshow import stack
from bsdvirt_sim.net.interfaces import interfaces as physical
from bsdvirt_sim.net.routes import PID_FILE, end_dhclient
from bsdvirt_sim.state import Inet, Interface
from bsdvirt_sim.tools import sysrc


def service(run: Run, words: list[str]) -> int:
    """Run service(8), of the services that affect guests."""
    run.changes()
    if words[:1] == ["dhclient"]:
        return _dhclient(run, words)
    if len(words) != 2:
        raise run.unknown()
    name, verb = words[0], words[1].removeprefix("one").removeprefix("quiet")
    acts = {"netif": (_netif_stop, _netif_start), "rctl": (_rctl_stop, _rctl_start),
            "pf": (_pf_stop, _pf_start)}  # fmt: skip
    forced = words[1].startswith("one")
    if name not in acts or verb not in ("start", "stop", "restart"):
        raise run.unknown("a service that is not simulated")
    stop, start = acts[name]
    if verb != "start":
        stop(run)
    if verb != "stop":
        enabled = name != "pf" or sysrc.read(run).get("pf_enable", "").upper() == "YES"
        if enabled or forced:
            start(run)
        else:
            run.print("Cannot 'start' pf. Set pf_enable to YES in /etc/rc.conf or use 'onestart'"
                      " instead of 'start'.")  # fmt: skip
    return 0


def _netif_stop(run: Run) -> None:
    """Run ifn_stop of network.subr for each interface of `ifconfig -l`: ipv4_down removes every
    IPv4 address, ifconfig_down the flag UP. ipv6_down leaves an interface alone that rc.conf
    gives no IPv6."""
    given = sysrc.read(run)
    names = []
    for face in stack(run, 0):
        names.append(face.name)
        own6 = f"ifconfig_{face.name}_ipv6" in given
        face.addresses = [a for a in face.addresses if a.kind == "inet6" and not own6]
        face.up = False
    run.print(f"Stopping Network: {' '.join(names)}.")


def _netif_start(run: Run) -> None:
    """Run ifn_start: only lo0 and the interfaces in rc.conf come up."""
    given = sysrc.read(run)
    names = []
    for face in stack(run, 0):
        words = given.get(f"ifconfig_{face.name}", "").split()
        if face.name == "lo0":
            face.addresses = list(physical()["lo0"].addresses)
        elif not words:
            continue
        else:
            _configure(face, words)
        face.up = True
        names.append(face.name)
    run.print(f"Starting Network: {' '.join(names)}.")


def _configure(face: Interface, words: list[str]) -> None:
    if words[0].upper() in ("DHCP", "SYNCDHCP"):
        known = physical().get(face.name)
        leased = known.addresses if known else []
        face.addresses += [a for a in leased if a not in face.addresses]
    elif words[0] == "inet" and len(words) > 1 and "/" in words[1]:
        address, _, prefix = words[1].partition("/")
        face.addresses.append(Inet("inet", address, int(prefix)))


def _rctl_stop(run: Run) -> None:
    """Run `rctl -r :`, which removes every rule."""
    run.state.rules.clear()


def _rctl_start(run: Run) -> None:
    if run.fs.exists("/etc/rctl.conf"):
        raise run.unknown("rules in /etc/rctl.conf are not simulated")


def _pf_stop(run: Run) -> None:
    """Run `pfctl -dq`: the rules stay."""
    run.state.pf.enabled = False


def _pf_start(run: Run) -> None:
    """Run `pfctl -F all`, load the main rules again, and enable. Anchors keep their rules."""
    pf.load_main(run, "/etc/pf.conf")
    run.state.pf.enabled = True


def _dhclient(run: Run, words: list[str]) -> int:
    """Run `service dhclient start | stop IF` (rc.d/dhclient), for interfaces with DHCP in
    rc.conf."""
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
            raise run.fail(f"dhclient not running? (check {PID_FILE.format(name)}).")
        end_dhclient(run, name)
        run.print("Stopping dhclient.")
        return 0
    if name in run.state.dhclients:
        raise run.fail("dhclient already running?  (pid=4711).")
    run.print("Starting dhclient.")
    lease(run, name)
    return 0


def boot(run: Run, rc: dict[str, str]) -> None:
    """Configure the cards and cloned bridges of rc.conf, as rc.d/netif and rc.d/dhclient do."""
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
    plain = [word for word in words if "DHCP" not in word.upper() and word[0] != "-"]
    if "netmask" in plain:
        at = plain.index("netmask")
        inet = ipaddress.ip_interface(f"{plain[at - 1]}/{plain[at + 1]}")
        plain[at - 1 : at + 2] = [str(inet)]
    face.addresses = []
    if plain:
        configure(run, [face.name, *plain], 0)
    if any("DHCP" in word.upper() for word in words):
        lease(run, face.name)
