"""Properties of some datasets with where they come from: one zfs(8) for all (captures/03)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bsdvirt.host import tools
from bsdvirt.host.base import Host


@dataclass(frozen=True, slots=True)
class Value:
    """A property's value, as -p shows it, and its source, such as `local`."""

    value: str
    source: str = "default"

    @property
    def local(self) -> bool:
        return self.source == "local"


Values = Mapping[str, Mapping[str, Value]]
"""By dataset, and by property; a dataset that is not there is not in it."""


def read_values(host: Host, datasets: Iterable[str], properties: Iterable[str]) -> Values:
    """Those that are there; zfs(8) goes on after one that is not."""
    names = sorted(set(datasets))
    if not names:
        return {}
    argv = (tools.ZFS, "get", "-Hp", "-o", "name,property,value,source", ",".join(properties))
    shown = host.run((*argv, *names), changes=False).stdout
    found: dict[str, dict[str, Value]] = {}
    for line in shown.splitlines():
        name, prop, value, source = line.split("\t")
        found.setdefault(name, {})[prop] = Value(value, source)
    return found
