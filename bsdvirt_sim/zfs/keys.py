"""Encryption of simulated datasets: encryption roots, loaded keys, load-key, unload-key.

The messages are those of 13.2 with a raw key in a file.
"""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Host

KEY_STATUS = 255


def key_root(state: Host, name: str) -> str:
    """Return the encryption root of `name`; empty where it is not encrypted."""
    while name:
        if state.datasets[name].props.get("encryption", "off") != "off":
            return name
        name = name.rpartition("/")[0]
    return ""


def locked(state: Host, name: str) -> bool:
    """Whether its key is not loaded."""
    root = key_root(state, name)
    return bool(root) and not state.datasets[root].key


def status(state: Host, name: str) -> str:
    """Return the property keystatus."""
    if not key_root(state, name):
        return "-"
    return "unavailable" if locked(state, name) else "available"


def load(run: Run, words: list[str]) -> int:
    """Run `zfs load-key`."""
    name = _named(run, words)
    if run.state.datasets[name].key:
        raise run.fail(f"Key load error: Key already loaded for '{name}'.", KEY_STATUS)
    run.state.datasets[name].key = True
    return 0


def unload(run: Run, words: list[str]) -> int:
    """Run `zfs unload-key`: refused while a dataset of that key is mounted."""
    name = _named(run, words)
    family = [name, *(n for n in run.state.datasets if n.startswith(name + "/"))]
    if any(run.state.datasets[member].mounted for member in family):
        raise run.fail(f"Key unload error: '{name}' is busy.", KEY_STATUS)
    if not run.state.datasets[name].key:
        raise run.unknown("what unload-key says of a key that is not loaded was never shown")
    run.state.datasets[name].key = False
    return 0


def _named(run: Run, words: list[str]) -> str:
    run.changes()
    if len(words) != 1 or words[0].startswith("-"):
        raise run.unknown()
    if run.dataset(words[0]) is None:
        raise run.fail(f"cannot open '{words[0]}': dataset does not exist")
    root = key_root(run.state, words[0])
    if not root:
        raise run.fail(f"Key load error: '{words[0]}' is not encrypted.", KEY_STATUS)
    if root != words[0]:
        raise run.unknown("a key is loaded where it belongs")
    return root
