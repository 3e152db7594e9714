"""Parameters of jail(8) as other tools set them: properties of ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bsdvirt.library.foreign import fstab
from bsdvirt.library.foreign.found import Draft, shown
from bsdvirt.library.foreign.jailconf import INCLUDE, Params
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.params import PARAMS, known, parse_param, without_no
from bsdvirt.spec.stack import AliasAddress
from bsdvirt.spec.types import InterfaceName, Mac

STARTS = ("/bin/sh /etc/rc",)
STOPS = ("/bin/sh /etc/rc.shutdown jail", "/bin/sh /etc/rc.shutdown")
"""The commands that are the default, in both spellings."""
OURS = frozenset({
    "name", "path", "persist", "mount.devfs", "exec.clean", "exec.consolelog", "jid", "host",
    "allow.dying", "exec.jail_user", "exec.system_jail_user", "exec.system_user", "stop.timeout",
    "ip4.saddrsel", "ip6.saddrsel", "mount.fstab", "host.hostuuid",
})  # fmt: skip
"""What bsdvirt sets by itself, or has no need of."""
HOOKS = {
    "exec.prepare": "hooks.starting.host", "exec.prestart": "hooks.starting.host",
    "exec.created": "hooks.starting.host", "exec.poststart": "hooks.started.host",
    "exec.prestop": "hooks.stopping.host", "exec.poststop": "hooks.stopped.host",
    "exec.release": "hooks.stopped.host",
}  # fmt: skip
RULESETS = (4, 5)
"""The defaults of a jail without, and with its own network stack."""
LONGEST_GRACE = 600
MOST_COMMANDS = 16
_BRIDGED = re.compile(r"(?:jib addm \S+|jng bridge \S+) ([a-z0-9]\S*)|ifconfig (\S+) addm ")
_ETHER = re.compile(r"ifconfig e0b\S* ether (\S+)")


def take(draft: Draft, params: Params, fstab_text: str = "") -> None:
    """Take the parameters of a jail. `fstab_text` is the file that mount.fstab names."""
    root = _one(params, "path")
    _commands(draft, params)
    _network(draft, params)
    fstab.take(draft, fstab_text, root)
    for line in params.get("mount", ()):
        fstab.take(draft, line, root)
    for key, values in params.items():
        value = values[0] if values else ""
        if key in OURS or key.startswith(("ip4", "ip6", "vnet", "exec.start", "exec.stop")):
            continue
        if key in _TAKEN:
            _TAKEN[key](draft, value)
        elif key in ("interface", "mount", "exec.timeout"):
            continue
        elif key == INCLUDE:
            for file in values:
                draft.drop(key, file, "it is not read; set what it holds by hand")
        elif key in HOOKS:
            _hook(draft, key, values)
        elif key == "depend":
            draft.after += [one for value in values for one in value.split()]
        else:
            _param(draft, key, value, bare=not values)


def _one(params: Params, key: str) -> str:
    values = params.get(key, ())
    return values[-1] if values else ""


def _param(draft: Draft, key: str, value: str, *, bare: bool) -> None:
    """Take a parameter that keeps its name."""
    positive = without_no(key)
    name, given = (positive, False) if bare and positive in PARAMS else (key, bare or value)
    try:
        parsed = parse_param(name, given)
    except BadValueError as error:
        draft.drop(key, value, f"{error}; {error.hint}" if error.hint else str(error))
        return
    default = {"enforce_statfs": 2, "children.max": 0, "securelevel": -1}
    if known(name) is None:
        draft.note(f"{shown(name)}: unknown to bsdvirt, kept under params")
    if default.get(name) != parsed:
        draft.params[name] = parsed


def _ruleset(draft: Draft, value: str) -> None:
    number = int(value) if re.fullmatch(r"\d{1,5}", value, re.ASCII) else 0
    usual = RULESETS[draft.settings.get("stack", "vnet") == "vnet"]
    if number in (usual, 0) or number > 65535:
        return
    if number in RULESETS:
        draft.note(f"devfs_ruleset={number}: the ruleset for its stack, {usual}, is used")
        return
    draft.settings["devfs_ruleset"] = number


def _fdescfs(draft: Draft, value: str) -> None:
    if value.lower() not in ("0", "false", "no"):
        fstab.take(draft, "fdescfs /dev/fd fdescfs rw 0 0", "")


def _procfs(draft: Draft, value: str) -> None:
    if value.lower() not in ("0", "false", "no"):
        fstab.take(draft, "proc /proc procfs rw 0 0", "")


_TAKEN: Mapping[str, Callable[[Draft, str], None]] = {
    "host.hostname": Draft.hostname,
    "devfs_ruleset": _ruleset,
    "mount.fdescfs": _fdescfs,
    "mount.procfs": _procfs,
}


def _hook(draft: Draft, key: str, values: Sequence[str]) -> None:
    left = [value for value in values if value and not _wiring(value) and value != "/usr/bin/true"]
    for value in left[:4]:
        draft.drop(
            key,
            value,
            f"commands on the host are files: see {HOOKS[key]} in bsdvirt properties jail",
        )


def _wiring(command: str) -> bool:
    """Return whether a command makes a jail's interfaces, which bsdvirt does by itself."""
    return bool(re.match(r"(jib|jng|appjail) |ifconfig |epair\d*=|/sbin/ifconfig ", command))


def _commands(draft: Draft, params: Params) -> None:
    run: dict[str, Any] = {}
    for key, usual in (("start", STARTS), ("stop", STOPS)):
        given = [one for one in params.get(f"exec.{key}", ()) if one]
        plain = [one for one in given if one.isprintable()]
        if len(plain) != len(given) or len(plain) > MOST_COMMANDS:
            draft.drop(f"exec.{key}", "", "its commands are not lines for /bin/sh")
        elif plain and not (len(plain) == 1 and plain[0] in usual):
            run[key] = plain
    if (timeout := _number(_one(params, "exec.timeout"))) is not None and timeout > 0:
        run["timeout"] = timeout
    if run:
        draft.settings["exec"] = run
    grace = _number(_one(params, "stop.timeout"))
    if grace is not None and grace <= LONGEST_GRACE:
        draft.settings["stop"] = {"grace": grace}
    elif grace is not None:
        draft.drop("stop.timeout", str(grace), f"at most {LONGEST_GRACE} seconds")


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


# ---- the network ----


def _network(draft: Draft, params: Params) -> None:
    """Set the stack, the interfaces and the addresses."""
    if "vnet" in params and _one(params, "vnet") not in ("inherit", "false", "0"):
        draft.settings["stack"] = "vnet"
        _vnet(draft, params)
        return
    modes = {_one(params, "ip4"), _one(params, "ip6")}
    given = [
        part
        for key in ("ip4.addr", "ip6.addr")
        for value in params.get(key, ())
        for part in value.split(",")
    ]
    addresses = shared(draft, given, _one(params, "interface"))
    if addresses:
        draft.settings |= {"stack": "shared", "addresses": addresses}
    elif "inherit" in modes:
        draft.settings["stack"] = "inherit"
        if modes & {"disable"}:
            draft.note("only one of ip4 and ip6 was inherited: now both are")
    else:
        draft.settings["stack"] = "none"
        if "ip_hostname" in params:
            draft.drop("ip_hostname", "", "give its addresses: addresses.0.address=…")


def shared(draft: Draft, given: Sequence[str], interface: str) -> list[dict[str, Any]]:
    """Return the addresses of a jail on the host's stack: each IF|ADDRESS/PREFIX, or an address
    on `interface`."""
    found: list[dict[str, Any]] = []
    for text in given[:64]:
        device, bar, address = text.strip().partition("|")
        if not bar:
            device, address = interface, text.strip()
        words = address.split()
        if not words or words[0].lower() in ("none", "0", "dhcp"):
            continue
        if len(words) > 1:
            draft.drop("address", text, "options of ifconfig(8) are left out")
        try:
            one = {"address": str(AliasAddress.parse(words[0]))}
            if device:
                one["interface"] = str(InterfaceName.parse(device))
        except BadValueError as error:
            draft.drop("address", text, str(error))
            continue
        found.append(one)
    return found


def _vnet(draft: Draft, params: Params) -> None:
    """Take the interfaces of a jail with a stack of its own: one that a command of the file
    creates is an interface on a network of ours, any other is moved into the jail."""
    commands = [one for key in ("exec.prestart", "exec.created") for one in params.get(key, ())]
    wires = [m[1] or m[2] for one in commands for m in _BRIDGED.finditer(one)]
    macs = [m[1] for one in commands for m in _ETHER.finditer(one)]
    made = any("epair" in one or one.startswith(("jib ", "jng ")) for one in commands)
    names = [
        one for value in params.get("vnet.interface", ()) for one in re.split(r"[,\s]+", value)
    ]
    nics: list[dict[str, Any]] = []
    for name in names[:8]:
        if made or re.match(r"(epair\d+b|e\d+b_|[es]b_|ng\d+_|jng)", name):
            wire = wires[len(nics)] if len(nics) < len(wires) else ""
            nics.append(nic(draft, wire, mac=macs[len(nics)] if len(nics) < len(macs) else ""))
        elif re.fullmatch(InterfaceName.pattern, name, re.ASCII) and len(name) <= 15:
            draft.settings.setdefault("interfaces", []).append(name)
    if nics:
        draft.settings["nics"] = nics
        draft.note(
            "addresses in its own rc.conf have no effect: its interfaces have other names here"
        )


def nic(draft: Draft, wire: str, *, mac: str = "", **settings: str) -> dict[str, Any]:
    """Return an interface, and note what it was connected to. The network is named later."""
    draft.wires.append(shown(wire))
    made: dict[str, Any] = {key: value for key, value in settings.items() if value}
    if mac:
        try:
            made["mac"] = str(Mac.parse(mac))
        except BadValueError:
            draft.drop("mac", mac)
    return made
