"""Parse `jls --libxo json -n jid name …` (captures/04-jail, 07)."""

from __future__ import annotations

import json

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host

PARAMETERS = ("jid", "name", "path", "dying", "vnet", "cpuset.id")


class JailFact(Struct, frozen=True):
    """A jail of the kernel."""

    jid: int
    name: str
    path: str
    dying: bool = False
    vnet: bool = False
    cpuset: int = 0


def parse(text: str) -> dict[str, JailFact]:
    """Return the jails by name. Values are strings, booleans JSON's own (captures/04). A jail with
    child jails chooses their names; libxo does not escape tabs."""
    listed = json.loads(text, strict=False)["jail-information"]["jail"]
    jails = (
        JailFact(
            jid=int(entry["jid"]),
            name=entry["name"],
            path=entry["path"],
            dying=bool(entry.get("dying", False)),
            vnet=entry.get("vnet") == "new",
            cpuset=int(entry.get("cpuset.id", 0)),
        )
        for entry in listed
    )
    # 13.2 lets a name be used again while its last jail is dying: the live one counts.
    return {jail.name: jail for jail in sorted(jails, key=lambda jail: not jail.dying)}


def read_jails(host: Host) -> dict[str, JailFact]:
    """Return all jails, dying ones included: they still hold their network stack and their root."""
    argv = (tools.JLS, "--libxo", "json", "-d", "-n", *PARAMETERS)
    return parse(host.run(argv, changes=False).check().stdout)
