"""The properties of a received dataset: the stream's, -o and -x (zfs_setup_cmdline_props)."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.zfs.properties import NOT_INHERITED, BadValue, applies, check
from bsdvirt_sim.zfs.streams.format import Begin, Package
from bsdvirt_sim.zfs.streams.kernel import Props


def check_names(run: Run, flags: dict[str, list[str]]) -> None:
    """End the command for a property that cannot be received."""
    for word in [*flags.get("o", []), *flags.get("x", [])]:
        if (prop := word.partition("=")[0]) in ("volsize", "version", "used", "guid"):
            raise run.fail(f"cannot receive: cannot receive: invalid property '{prop}'")


def of(
    run: Run,
    flags: dict[str, list[str]],
    name: str,
    begin: Begin,
    package: Package | None,
    action: str,
    *,
    top: bool,
) -> Props:
    """Return the properties for a dataset. `top`: whether it is the first of the stream: what
    -o gives, its children inherit."""
    received: dict[str, str] | None = None
    for member in package.members if package else ():
        if begin.toguid in member.snaps.values():
            received = dict(member.props) if member.props is not None else None
    volume = begin.kind == "volume"
    recursive = package is not None and package.recursive
    given: dict[str, str] = {}
    excluded: set[str] = set()
    for prop in flags.get("x", []):
        if not applies(prop, volume):
            run.warn(f"Warning: {name}: property '{prop}' does not apply to datasets of this type")
        elif prop in NOT_INHERITED:
            if received is not None:
                received.pop(prop, None)
        else:
            excluded.add(prop)
    for pair in flags.get("o", []):
        prop, sign, value = pair.partition("=")
        if not sign:
            raise run.unknown()
        if not applies(prop, volume):
            if recursive:
                continue
            why = f"property '{prop}' does not apply to datasets of this type"
            raise run.fail(f"{action}: {why}")
        if top:
            given[prop] = _checked(run, prop, value, volume, action)
        else:
            excluded.add(prop)
    return Props(received, given, frozenset(excluded))


def _checked(run: Run, prop: str, value: str, volume: bool, action: str) -> str:
    try:
        return check(run, prop, value, volume)
    except BadValue as error:
        run.warn(f"{action}: {error}")
        raise run.fail(f"{action}: invalid property value") from None


def of_snapshot(package: Package, guid: int) -> dict[str, str]:
    """Return the properties that a package has for a snapshot."""
    for member in package.members:
        for short, other in member.snaps.items():
            if other == guid:
                return member.snapprops.get(short, {})
    return {}
