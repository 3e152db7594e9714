"""Parse `jls --libxo json -n jid name …` (captures/04-jail, 07)."""

from __future__ import annotations

from bsdvirt import plainjson
from bsdvirt.host import begun, tools
from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from bsdvirt.host.base import Host

PARAMETERS = ("jid", "name", "path", "dying", "vnet", "cpuset.id")
ALL = (tools.JLS, "--libxo", "json", "-d", "-n", *PARAMETERS)


class JailFact(Record):
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
    listed = plainjson.loads(text)["jail-information"]["jail"]
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
    return parse(host.run(ALL, changes=False).check().stdout)


def begin_all() -> None:
    """Begin to read all jails, on this machine: see host/begun.py."""
    begun.begin(*ALL)


def read_jail(host: Host, name: str) -> JailFact | None:
    """Return one jail; None if it does not exist, or is dying."""
    listed = host.run(_one(name), changes=False)
    return parse(listed.stdout).get(name) if listed.ok else None


def begin_one(name: str) -> None:
    """Begin to read one jail, as begin_all() does."""
    begun.begin(*_one(name))


def _one(name: str) -> tuple[str, ...]:
    return (tools.JLS, "--libxo", "json", "-j", name, "-n", *PARAMETERS)
