"""`pool usage`: who takes the space, on the simulated host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def _run(*words: str) -> str:
    done = subprocess.run(
        (sys.executable, "-m", *words), cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_dataset_has_an_owner(tmp_path: Path) -> None:
    sim = str(tmp_path)
    for words in (
        ("init", "--pool", "zroot"),
        ("create", "jail", "web", "quota=1G"),
        ("create", "vm", "win", "--memory", "512M", "--disk", "1G"),
    ):
        _run("bsdvirt", "--sim", sim, *words)
    for name in ("home", "home/ann", "bsdvirt/backup", "bsdvirt/guests/left"):
        _run("bsdvirt_sim.tool", sim, "/sbin/zfs", "create", f"zroot/{name}")
    found = json.loads(_run("bsdvirt", "--sim", sim, "pool", "usage", "--json"))
    owners = {(one["kind"], one["name"]): one for one in found["owners"]}
    assert owners.keys() == {
        ("jail", "web"), ("vm", "win"), ("release", "15.1-RELEASE"),
        ("media", "zroot/bsdvirt/media"), ("bsdvirt", "zroot/bsdvirt"),
        ("stray", "zroot/bsdvirt/guests/left"), ("other", "zroot/bsdvirt/backup"),
        ("other", "zroot/home"), ("other", "zroot"),
    }  # fmt: skip
    assert "bsdvirt:guest" in owners["stray", "zroot/bsdvirt/guests/left"]["why"]
    assert owners["vm", "win"]["volsize"] == 1 << 30
    assert [one["name"] for one in owners["jail", "web"]["datasets"]] == [
        "zroot/bsdvirt/guests/web", "zroot/bsdvirt/guests/web/root",
    ]  # fmt: skip
    # Nothing is counted twice, and nothing is left out.
    (pool,) = found["zpools"]
    whole = next(one for one in owners["other", "zroot"]["datasets"] if one["name"] == "zroot")
    assert sum(one["used"] for one in found["owners"]) == whole["used"]
    assert pool["guests"] + pool["library"] + pool["other"] == whole["used"]
    sizes = [one["used"] for one in found["owners"]]
    assert sizes == sorted(sizes, reverse=True)
