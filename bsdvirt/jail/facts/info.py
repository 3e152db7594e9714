"""What `info` shows of a jail."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.rctl import jail_subject, parse_usage, read_rules
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.jail.facts.datasets import shown_storage
from bsdvirt.layout import main_file
from bsdvirt.plan.locks import is_held
from bsdvirt.rows.jail import JailInfo, MainCommand
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.limits import DEVCTL
from bsdvirt.spec.load import parse_json


def read_info(host: Host, guest: Guest, jail: Jail | None, fields: dict[str, Any]) -> JailInfo:
    """Return the row of a jail; `fields` are those that every guest has."""
    # Other verbs import this module too.
    from bsdvirt.facts.userland import version_in

    version = version_in(host.fs, guest.root)
    if difference := _difference(version, read_kernel(host).release):
        fields["differs"] = difference
    if fields["jid"] is not None:
        fields |= _running(host, guest.name)
    storage = shown_storage(host, guest, jail)
    kept = guest.layout.old_root(guest.name)
    return JailInfo(
        **fields,
        root=guest.root,
        version=version,
        old_root=kept if any(d.name == kept for d in guest.datasets) else None,
        main=_main(host.fs, guest.name),
        **storage,
    )


def _difference(version: str | None, kernel: str) -> str:
    from bsdvirt.jail.settings import differs, newer_note

    match differs(version, kernel):
        case "newer":
            return newer_note(version or "", kernel)
        case "older":
            return f"its userland {version} is older than this host's kernel {kernel}"
    return ""


def _main(fs: Fs, name: str) -> MainCommand | UnsetType:
    """Return what the supervisor of a jail's main command wrote down of it."""
    text = fs.read_or(main_file(name))
    if not text:
        return UNSET
    try:
        said = parse_json(text)
    except BsdvirtError:
        said = {}
    last = said.get("last") or {}
    return MainCommand(
        state=said.get("state"),
        pid=said.get("pid"),
        runs=said.get("runs"),
        watched=is_held(fs, "keeper", name),
        last=last.get("words"),
        status=last.get("status"),
        why=said.get("why"),
    )


def _running(host: Host, name: str) -> dict[str, Any]:
    """Return the fields that only a running jail has."""
    mask = host.run((tools.CPUSET, "-g", "-j", name), changes=False).stdout
    usage = host.run((tools.RCTL, "-u", jail_subject(name)), changes=False)
    rules = [
        rule
        for rule in read_rules(host)
        if rule.subject == jail_subject(name) and rule.action != DEVCTL
    ]
    return {
        "cpus": mask.splitlines()[0].partition("mask: ")[2] if mask else "",
        "limits": {rule.kind: rule.amount for rule in rules},
        "usage": parse_usage(usage.stdout) if usage.status == 0 else {},
    }
