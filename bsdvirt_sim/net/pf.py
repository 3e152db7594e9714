"""pfctl(8) and sockstat(1): main rules, anchors, and their effect on packets."""

from __future__ import annotations

import ipaddress
import re

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel.sysctl import is_loaded, load
from bsdvirt_sim.net.ifshow import stack

_SERVICES = {"22": "ssh", "53": "domain", "80": "http", "443": "https", "8080": "http-alt"}
_ANCHOR = re.compile(r'(nat-anchor|rdr-anchor) "([\w/*-]+)"')
_FILTER = re.compile(r"(pass|block|anchor) .+")
_NAT = re.compile(r"nat on (\S+) (inet6?) from (\S+/\d+) to any -> \((\S+):0\)")
_PORT = r"(\d+)(?::(\d+))?"
_RDR = re.compile(
    r"rdr(?: pass)? on ! lo0 (inet6?) proto (tcp|udp) from (?:any|[0-9a-f:./]+) to (\S+)"
    rf" port {_PORT}(?: tag \w+)? -> (\S+) port {_PORT}"
)
_PASS = re.compile(
    r"pass inet6? proto (tcp|udp) from (?:any|[0-9a-f:./]+) to (\S+)"
    rf" port {_PORT} tagged \w+"
)
_SHOWN_RDR = re.compile(
    r"rdr(?: pass)? on ! lo0 inet6? proto (tcp|udp) from any to (\S+) port (?:= )?(\S+)"
    rf"(?: tag (?P<tag>\w+))? -> (\S+) port {_PORT}"
)


def pfctl(run: Run, words: list[str]) -> int:
    """Run pfctl(8), in the forms of captures/06-pf."""
    state = run.state.pf
    if not any("pf" in module.names for module in run.state.modules):
        run.known = True
        raise run.fail("pfctl: /dev/pf: No such file or directory")
    match words:
        case ["-s", "info"]:
            run.reads()
            run.print("Status: Enabled for 0 days 00:01:02           Debug: Urgent"
                      if state.enabled else
                      "Status: Disabled                              Debug: Urgent")  # fmt: skip
        case ["-s", "nat" | "rules" as kind]:
            run.reads()
            run.out += [f"{line}\n" for line in (state.nat if kind == "nat" else state.filter)]
        case ["-a", name, "-s", "Anchors"]:
            run.reads()
            beneath = sorted(a for a in state.anchors if a.startswith(f"{name}/"))
            called = any(f'"{name}/*"' in line for line in state.nat)
            if not beneath and not called:
                raise run.fail("pfctl: DIOCGETRULESETS: No such file or directory")
            run.out += [f"  {anchor}\n" for anchor in beneath]
        case ["-a", name, "-f", path] if name.startswith("bsdvirt/"):
            run.changes()
            _load(run, name, path)
        case ["-a", name, "-F", "nat"] if name.startswith("bsdvirt/"):
            run.changes()
            _flush(run, name, filters=False)
            run.warn("nat cleared")
        case ["-a", name, "-F", "rules"] if name.startswith("bsdvirt/"):
            run.changes()
            _flush(run, name, filters=True)
            run.warn("rules cleared")
        case ["-a", name, "-s", "nat" | "rules" as kind]:
            run.reads()
            if name not in state.anchors:
                run.warn("pfctl: DIOCGETRULES: Invalid argument")
            lines = [x for x in state.anchors.get(name, []) if _is_filter(x) == (kind == "rules")]
            run.out += [f"{line}\n" for line in lines]
        case ["-f", path]:
            run.changes()
            load_main(run, path)
        case ["-F", "nat"]:
            run.changes()
            state.nat.clear()
            run.warn("nat cleared")
        case ["-F", "all"]:
            # Of the main ruleset only: anchors stay (pfctl_clear_rules).
            run.changes()
            state.nat.clear()
            state.filter.clear()
            run.warn("rules cleared\nnat cleared")
        case ["-F", "rules"]:
            run.changes()
            state.filter.clear()
            run.warn("rules cleared")
        case ["-e"]:
            run.changes()
            if state.enabled:
                raise run.fail("pfctl: pf already enabled")
            state.enabled = True
            run.warn("pf enabled")
        case ["-d"]:
            run.changes()
            if not state.enabled:
                raise run.fail("pfctl: pf not enabled")
            state.enabled = False
            run.warn("pf disabled")
        case _:
            raise run.unknown()
    return 0


def _lines(run: Run, path: str) -> list[str]:
    try:
        text = run.fs.read_text(path)
    except OSError:
        raise run.fail(f"pfctl: {path}: No such file or directory") from None
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _load(run: Run, name: str, path: str) -> None:
    rules = []
    for line in _lines(run, path):
        nat, rdr = _NAT.fullmatch(line), _RDR.fullmatch(line)
        if nat and nat[1] == nat[4]:
            ipaddress.ip_network(nat[3])
            rules.append(line)
        elif rdr:
            port = f"{rdr[4]}:{rdr[5]}" if rdr[5] else f"= {_SERVICES.get(rdr[4], rdr[4])}"
            given = f" port {_port_range(rdr[4], rdr[5])}"
            rules.append(line.replace(given, f" port {port}", 1))
        elif passes := _PASS.fullmatch(line):
            port = (
                f"{passes[3]}:{passes[4]}"
                if passes[4]
                else (f"= {_SERVICES.get(passes[3], passes[3])}")
            )
            kept = " flags S/SA keep state" if passes[1] == "tcp" else " keep state"
            head, _, tail = line.partition(f" port {_port_range(passes[3], passes[4])}")
            rules.append(f"{head} port {port}{kept}{tail}")
        else:
            raise run.unknown(f"rule in an anchor: {line}")
    run.state.pf.anchors[name] = rules
    if not rules:
        del run.state.pf.anchors[name]


def _is_filter(line: str) -> bool:
    return line.startswith("pass ")


def _flush(run: Run, name: str, *, filters: bool) -> None:
    """Remove an anchor without rules."""
    anchors = run.state.pf.anchors
    left = [line for line in anchors.pop(name, []) if _is_filter(line) != filters]
    if left:
        anchors[name] = left


def _port_range(first: str, last: str | None) -> str:
    return f"{first}:{last}" if last else first


def load_main(run: Run, path: str) -> None:
    """Load the main rules. Anchors stay as they are."""
    nat, rules = [], []
    for line in _lines(run, path):
        if anchor := _ANCHOR.fullmatch(line):
            nat.append(f"{anchor[0]} all")
        elif _FILTER.fullmatch(line):
            rules.append(f"{line} all" if line == 'anchor "bsdvirt/*"' else line)
        else:
            raise run.unknown(f"main rule: {line}")
    run.state.pf.nat, run.state.pf.filter = nat, rules


def boot(run: Run, settings: dict[str, str]) -> None:
    """Do what rc.d/pf and rc.d/routing do at boot."""
    from bsdvirt_sim.state import Pf

    run.state.pf = Pf()
    if settings.get("pf_enable", "").upper() == "YES" and run.fs.exists("/etc/pf.conf"):
        if not is_loaded(run, "pf"):
            # required_modules in rc.d/pf.
            load(run, "pf")
        load_main(run, "/etc/pf.conf")
        run.state.pf.enabled = True
    if settings.get("gateway_enable", "").upper() == "YES":
        run.state.sysctls["net.inet.ip.forwarding"] = "1"


# ---- the effect of rules ----


def _active(run: Run, kind: str) -> bool:
    state = run.state.pf
    forwards = run.state.sysctls.get("net.inet.ip.forwarding") == "1"
    return state.enabled and forwards and f'{kind} "bsdvirt/*" all' in state.nat


def translates(run: Run, source: str) -> bool:
    """Whether packets of a guest with that address leave with the host's address."""
    rules = [line for lines in run.state.pf.anchors.values() for line in lines]
    nets = [match[3] for line in rules if (match := _NAT.fullmatch(line))]
    wanted = ipaddress.ip_address(source)
    return _active(run, "nat-anchor") and any(
        wanted in ipaddress.ip_network(net) for net in nets if (":" in net) == (":" in source)
    )


def leads_to(run: Run, address: str, port: int, protocol: str = "tcp") -> tuple[str, int] | None:
    """Return the guest's address and port that a port of the host is forwarded to."""
    if not _active(run, "rdr-anchor"):
        return None
    for line in (line for lines in run.state.pf.anchors.values() for line in lines):
        match = _SHOWN_RDR.fullmatch(line)
        if match is None or match[1] != protocol or not _meant(run, match[2], address):
            continue
        numbers = {name: number for number, name in _SERVICES.items()}
        low, _, high = match[3].partition(":")
        first = int(numbers.get(low, low))
        if not first <= port <= int(high or first):
            continue
        if line.startswith("rdr pass ") or _filtered(run, match[5], match["tag"]):
            return match[5], int(match[6]) + port - first
        return None
    return None


def _filtered(run: Run, target: str, tag: str | None) -> bool:
    """Whether the filter rules pass what was redirected to a guest: the last match decides."""
    passes = True
    for rule in run.state.pf.filter:
        if rule.startswith("anchor "):
            ours = [line for lines in run.state.pf.anchors.values() for line in lines]
            passes |= any(
                _is_filter(line) and f" to {target} " in line and line.endswith(f"tagged {tag}")
                for line in ours
            )
        elif rule.split()[1:] in (["all"], ["in", "all"]):
            passes = rule.startswith("pass")
    return passes


def _meant(run: Run, outer: str, address: str) -> bool:
    if not outer.startswith("("):
        return outer == address
    name = outer.removeprefix("(").partition(":")[0]
    faces = [face for face in stack(run, 0) if face.name == name]
    kind = "inet6" if ":" in address else "inet"
    mine = [entry.address for face in faces for entry in face.addresses if entry.kind == kind]
    return mine[:1] == [address]


def sockstat(run: Run, words: list[str]) -> int:
    """Run sockstat(1): print the host's own listening sockets."""
    run.reads()
    if words != ["-46lq"]:
        raise run.unknown()
    for line in run.state.sockets:
        command, protocol, address = line.split()
        run.print(f"root     {command:<10} 1234  4  {protocol:<6} {address:<21} *:*")
    for vmm in run.state.vmms.values():
        for line in vmm.forwards if vmm.pid else ():
            command, protocol, address = line.split()
            run.print(f"nobody   {command:<10} 1235  7  {protocol:<6} {address:<21} *:*")
    return 0
