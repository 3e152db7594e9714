"""What the fuzzers share: how many cases, from which seed, and what a host has.

In the gate each runs a fixed number of cases of a fixed seed. With BSDVIRT_FUZZ_SECONDS (make fuzz)
each runs for so long, from BSDVIRT_FUZZ_SEED or a seed of its own; a failure names the seed and
the case, which alone can be run again with BSDVIRT_FUZZ_CASE.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bsdvirt.cli.main import FAULT

SECONDS = float(os.environ.get("BSDVIRT_FUZZ_SECONDS", "0"))
SEED = os.environ.get("BSDVIRT_FUZZ_SEED") or (str(time.time_ns()) if SECONDS else "1")
CASE = os.environ.get("BSDVIRT_FUZZ_CASE")
ANSWERS = (0, 1, 2, 3, 4, 5, 125)
"""Every exit status that bsdvirt(8) tells of, and that of exec and its like."""
REFUSED = (2, 3, 4, 5)
"""With these nothing was changed."""
_UNSEEN = ("/state.lock", "/root/var/log/", "/root/var/run/bsdvirt/locks/",
           "/root/var/run/bsdvirt/failed/", "/root/var/run/bsdvirt/boot")  # fmt: skip


def cases(few: int, name: str) -> Iterator[tuple[str, random.Random]]:
    """The number of each case, in words, and its own dice."""
    if CASE is not None:
        yield _case(name, int(CASE))
        return
    end, number = time.monotonic() + SECONDS, 0
    while number < few or time.monotonic() < end:
        yield _case(name, number)
        number += 1
    print(f"{name}: {number} cases")


def _case(name: str, number: int) -> tuple[str, random.Random]:
    words = f"BSDVIRT_FUZZ_SEED={SEED} BSDVIRT_FUZZ_CASE={number} ({name})"
    return words, random.Random(f"{SEED}.{name}.{number}")


def snapshot(sim: Path) -> dict[str, str]:
    """All that a simulated host is: its state, and its files by their content."""
    found: dict[str, str] = {}
    for directory, _, files in os.walk(sim):
        for file in files:
            path = Path(directory) / file
            name = str(path).removeprefix(str(sim))
            if name.startswith(_UNSEEN):
                continue
            try:
                found[name] = _content(path, name)
            except FileNotFoundError:
                continue
    return found


def _content(path: Path, name: str) -> str:
    if path.is_symlink():
        return os.readlink(path)
    if not path.is_file():
        return "special"
    data = path.read_bytes()
    if name == "/state.json":
        state = json.loads(data)
        state.pop("generation", None)
        data = json.dumps(state, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))


def is_fault(status: int, stderr: str) -> str:
    """What no command line may come to, in words."""
    if "Traceback" in stderr:
        return "a traceback"
    if FAULT in stderr:
        return "an error that nobody reckoned with"
    if status not in ANSWERS:
        return f"exit status {status}"
    return ""


def wrong(sim: Path) -> list[str]:
    """What a simulated host must never have once doctor --repair has been there."""
    state = json.loads((sim / "state.json").read_bytes())
    datasets, found = state["datasets"], [*doubled(state)]
    found += [f"mark: {name}" for name, one in datasets.items() if "bsdvirt:op" in _props(one)]
    found += [f"journal: {name}" for name in os.listdir(sim / "root/bsdvirt/state")]
    running = {jail["name"] for jail in state.get("jails", {}).values()}
    guests = identities(state)
    wanted = {
        f"bv{guests[name]['id']}n{number}{end}"
        for name in running & guests.keys()
        for number, _ in enumerate(guests[name].get("nics", []))
        for end in "ab"
    }
    for interface in (one["name"] for one in state["interfaces"].values()):
        ours = interface.startswith("bv") and not interface.startswith(("bvbr", "bvvl"))
        if interface.startswith("epair") or (ours and interface not in wanted):
            found.append(f"interface: {interface}")
    for mount in state.get("mounts", []):
        parts = mount["path"].split("/")
        beneath = mount["path"].startswith("/bsdvirt/guests/") and mount["kind"] != "zfs"
        if beneath and parts[3] not in running:
            found.append(f"mount: {mount['path']}")
    for rule in state.get("rules", []):
        kind, _, subject = rule["subject"].partition(":")
        if kind == "jail" and subject not in running:
            found.append(f"rule: {rule['subject']}")
    for place, _, files in os.walk(sim / "root"):
        found += [f"file: {place}/{f}" for f in files if f.endswith((".new", ".bsdvirt", ".part"))]
    return found


def doubled(state: dict[str, Any]) -> Iterator[str]:
    """Ids, addresses and MACs that two guests have."""
    seen: dict[str, str] = {}
    for name, guest in identities(state).items():
        marks = [f"id {guest['id']}"]
        for nic in guest.get("nics", []):
            marks.append(f"mac {nic['mac']}")
            for address in filter(None, (nic.get("address"), nic.get("address6"))):
                marks.append(f"address {nic['network']} {address.split('/')[0]}")
        for mark in marks:
            if mark in seen:
                yield f"doubled: {mark}: {name} and {seen[mark]}"
            seen[mark] = name


def identities(state: dict[str, Any]) -> dict[str, Any]:
    prefix = "zroot/bsdvirt/guests/"
    return {
        name.removeprefix(prefix): json.loads(_props(one)["bsdvirt:guest"])
        for name, one in state["datasets"].items()
        if name.startswith(prefix) and name.count("/") == 3 and "bsdvirt:guest" in _props(one)
    }


def _props(dataset: dict[str, Any]) -> dict[str, str]:
    props: dict[str, str] = dataset.get("props", {})
    return props
