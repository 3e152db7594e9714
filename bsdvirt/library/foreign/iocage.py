"""iocage's jails: config.json, fstab and root/ in the jail's dataset. Pure.

Read for this: iocage 1.13 of June 2026 (ioc_json.py, ioc_image.py, ioc_start.py). `iocage export`
makes a zip file, or a tar.xz, with one ZFS stream for each dataset of the jail, NAME_DATE and
NAME_DATE_root; its configuration is in the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign import fstab, params, rctl
from bsdvirt.library.foreign.found import Draft, Found, Part, truth
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.limits import RESOURCES
from bsdvirt.spec.load import parse_json
from bsdvirt.spec.params import PARAMS
from bsdvirt.spec.storage import Compression
from bsdvirt.spec.types import HostAddress, Ipv4Gateway, Ipv4OrDhcp, Ipv6Gateway, Ipv6OrSlaac, Space

TOOL = "iocage"
CONFIG = "config.json"
ROOT = "root"
FILES = (CONFIG, "fstab")
STREAM = re.compile(
    r"(?:[A-Za-z0-9._/-]*/)?([A-Za-z0-9._-]+)_\d{4}-\d\d-\d\d(_[A-Za-z0-9._-]+)?", re.ASCII
)
"""The names of the streams in an export."""
OFF = frozenset({"none", "off", "", "0"})
NO_PARAM = frozenset({"allow_tun", "allow_dying"})


def read(files: Mapping[str, str], source: str, name: str = "") -> Found:
    """Return the jail whose files these are. Raise UsageError for a config.json that is none."""
    data = parse_json(files.get(CONFIG, ""), f"{source}: {CONFIG}")
    if not isinstance(data, dict) or not {"release", "host_hostuuid"} & data.keys():
        raise UsageError(f"{source}: {CONFIG} is not one of iocage", "iocage get all NAME")
    config = {str(key): _text(value) for key, value in data.items()}
    name = name or config.get("host_hostuuid", "")
    draft = Draft()
    params.take(draft, _as_jail_conf(draft, config))
    fstab.take(draft, files.get("fstab", ""), _root_in(files.get("fstab", ""), name))
    if truth(config.get("vnet", "0")):
        draft.settings["stack"] = "vnet"
        _vnet(draft, config)
    _rest(draft, config)
    return draft.found(TOOL, name, "jail", Part(ROOT))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, str | int) else ""


def _root_in(text: str, name: str) -> str:
    """Return the path of the root that the mount points begin with: …/jails/NAME/root."""
    match = re.search(rf"\s(/\S*/jails/{re.escape(name)}/root)/", text)
    return match[1] if match else ""


def _as_jail_conf(draft: Draft, config: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the properties that are parameters of jail(8), by the parameter's name."""
    found: dict[str, list[str]] = {}
    for key, value in config.items():
        name = key.replace("allow_mount_", "allow.mount.").replace("allow_", "allow.", 1)
        name = {"children_max": "children.max", "mount_fdescfs": "mount.fdescfs",
                "mount_procfs": "mount.procfs", "stop_timeout": "stop.timeout",
                "host_hostname": "host.hostname"}.get(key, name)  # fmt: skip
        if key.startswith("exec_"):
            name = "exec." + key[5:]
        if key in NO_PARAM:
            if truth(value):
                draft.drop(key, value, "add the devices to a ruleset of devfs.rules(5)")
        elif name.startswith("allow.") and name in PARAMS:
            if truth(value) != (name == "allow.set_hostname"):
                found[name] = ["true" if truth(value) else "false"]
        elif name in ("exec.fib", "exec.clean", "exec.system_user", "exec.jail_user"):
            if name == "exec.fib" and value not in OFF:
                draft.drop(key, value)
        elif name in _TAKEN or name.startswith("exec."):
            found[name] = [value]
    ip4, ip6 = config.get("ip4_addr", "none"), config.get("ip6_addr", "none")
    if not truth(config.get("vnet", "0")):
        found |= {"ip4.addr": [ip4], "ip6.addr": [ip6]}
        if config.get("ip4") == "inherit" or config.get("ip6") == "inherit":
            found["ip4"] = ["inherit"]
    return found


_TAKEN = frozenset({
    "children.max", "mount.fdescfs", "mount.procfs", "stop.timeout", "host.hostname",
    "devfs_ruleset", "enforce_statfs", "securelevel", "sysvmsg", "sysvsem", "sysvshm",
})  # fmt: skip


def _vnet(draft: Draft, config: Mapping[str, str]) -> None:
    """One interface for each pair of `interfaces`, such as vnet0:bridge0,vnet1:bridge1."""
    routers = {
        "gateway": config.get("defaultrouter", ""),
        "gateway6": config.get("defaultrouter6", ""),
    }
    nics: list[dict[str, Any]] = []
    for pair in config.get("interfaces", "vnet0:bridge0").split(",")[:8]:
        own, _, bridge = pair.strip().partition(":")
        macs = config.get(f"{own}_mac", "none").replace(",", " ").split()
        nic = params.nic(draft, bridge, mac=_colons(macs[-1]) if len(macs) > 1 else "")
        _addresses(draft, nic, config, own)
        if not nics:
            for key, text in routers.items():
                if text not in ("auto", "none", "") and key.replace("gateway", "address") in nic:
                    _parsed(draft, nic, key, text, Ipv6Gateway if "6" in key else Ipv4Gateway)
        nics.append(nic)
    draft.settings["nics"] = nics


def _colons(mac: str) -> str:
    plain = mac.replace(":", "")
    return ":".join(plain[i : i + 2] for i in range(0, len(plain), 2))


def _addresses(draft: Draft, nic: dict[str, Any], config: Mapping[str, str], own: str) -> None:
    for key, kind, field in (
        ("ip4_addr", Ipv4OrDhcp, "address"), ("ip6_addr", Ipv6OrSlaac, "address6"),
    ):  # fmt: skip
        for part in config.get(key, "none").split(","):
            device, bar, address = part.strip().rpartition("|")
            if (bar and device != own) or address.lower() in OFF:
                continue
            if address.upper() == "DHCP" or address.lower() == "accept_rtadv":
                nic[field] = "dhcp" if field == "address" else "slaac"
            elif field in nic:
                _alias(draft, nic, address)
            else:
                _parsed(draft, nic, field, address, kind)
    if truth(config.get("dhcp", "0")):
        nic["address"] = "dhcp"


def _alias(draft: Draft, nic: dict[str, Any], address: str) -> None:
    try:
        nic.setdefault("aliases", []).append(str(HostAddress.parse(address)))
    except BadValueError as error:
        draft.drop("address", address, str(error))


def _parsed(draft: Draft, nic: dict[str, Any], key: str, text: str, kind: type) -> None:
    try:
        nic[key] = str(kind.parse(text))  # type: ignore[attr-defined]
    except BadValueError as error:
        draft.drop(key, text, str(error))


def _rest(draft: Draft, config: Mapping[str, str]) -> None:
    """Take what jail(8) does not know: boot, limits, quotas, forwarded ports."""
    draft.auto = bool(truth(config.get("boot", "0")))
    if config.get("depends", "none") not in OFF:
        draft.after += config["depends"].split()
    for key in ("notes", "comment"):
        if config.get(key, "none") != "none":
            draft.description(config[key])
    if config.get("cpuset", "off") not in OFF:
        draft.cpuset(config["cpuset"])
    for resource in RESOURCES:
        if (value := config.get(resource, "off")) not in OFF:
            action, _, amount = value.partition("=")
            rctl.take(draft, resource, action, amount)
    _storage(draft, config)
    for forward in config.get("nat_forwards", "none").split(","):
        if forward not in OFF:
            _expose(draft, forward)
    for key in ("jail_zfs", "mount_linprocfs", "basejail", "bpf"):
        if truth(config.get(key, "0")):
            draft.drop(key, "1", _WHY[key])


_WHY = {
    "jail_zfs": "delegate a dataset: bsdvirt set NAME datasets.data.dataset=DATASET",
    "mount_linprocfs": "mount it: bsdvirt set NAME mounts.lp.type=linprocfs",
    "basejail": "its base system is mounted from a release of iocage, which must stay",
    "bpf": "ruleset 5, the default, shows bpf devices",
}


def _storage(draft: Draft, config: Mapping[str, str]) -> None:
    for key, kind in (("quota", Space), ("reservation", Space), ("compression", Compression)):
        value = config.get(key, "none")
        if value in OFF or value == "on":
            continue
        try:
            draft.settings[key] = str(kind.parse(value))
        except BadValueError:
            draft.drop(key, value)


def _expose(draft: Draft, forward: str) -> None:
    """Take a forwarded port: tcp(80), or tcp(80:8080) with the jail's port first."""
    match = re.fullmatch(r"(tcp|udp|tcp/udp)\((\d{1,5})(?::(\d{1,5}))?\)", forward, re.ASCII)
    if match is None:
        draft.drop("nat_forwards", forward)
        return
    for protocol in match[1].split("/"):
        try:
            text = str(Expose.parse(f"{protocol}:{match[3] or match[2]}:{match[2]}"))
        except BadValueError:
            draft.drop("nat_forwards", forward)
            return
        draft.settings.setdefault("expose", []).append(text)
