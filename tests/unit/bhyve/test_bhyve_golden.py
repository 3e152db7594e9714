"""The plans of images, media, disks and seeds, on golden files: the plan as --dry-run prints
it, and the undos in the order in which a failure at the end would run them.

With BSDVIRT_GOLDEN=write in the environment the files are written anew: read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bsdvirt.bhyve import volumes
from bsdvirt.bhyve.cloud import seed
from bsdvirt.errors import BsdvirtError
from bsdvirt.layout import Layout
from bsdvirt.library.formats import Form
from bsdvirt.library.plans import images, media
from bsdvirt.library.plans.images import Source
from bsdvirt.plan.render import plan_as_shell, shell
from bsdvirt.plan.step import Plan, Step, Undo
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.images import Image

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden" / "bhyve-images"
WRITE = os.environ.get("BSDVIRT_GOLDEN") == "write"
LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
OP = "0a1b2c"
DISK = "tank/bsdvirt/guests/web/disk0"
BASE = volumes.Base("fbsd", "tank/bsdvirt/images/fbsd", 6 << 30, 900_000_000)
IMAGE = Image(
    source="/tmp/a b.img",
    checksum="c" * 64,
    format="raw",
    created="2026-11-21T10:30:00Z",
    loader="uefi",
    system="freebsd",
    user="freebsd",
    cloud_init=True,
)
SEED = seed.Seed(
    "web",
    "11111111-2222-4333-8444-555555555555",
    CloudInit(system="freebsd"),
    (seed.SeedNic("58:9c:fc:00:00:01", ("10.77.0.2/24",), "10.77.0.1"),),
    ("9.9.9.9",),
)


def _import(form: Form, size: int = 5_000_001) -> Plan:
    return images.plan_import("fbsd", Source("/tmp/a b.img", form, size), IMAGE, LAYOUT, OP)


def _medium(path: str, form: Form) -> Plan:
    return media.plan_add("a.iso", Source(path, form, 9), LAYOUT, OP)


def _disk(*steps: Step) -> Plan:
    return Plan("create", "web", "guest", steps, (volumes.complete(DISK, OP),), op=OP)


CASES: dict[str, Callable[[], Plan]] = {
    "import-raw": lambda: _import(Form("raw")),
    "import-xz": lambda: _import(Form("raw", "xz"), 6 << 30),
    "import-gz": lambda: _import(Form("raw", "gz")),
    "import-qcow2": lambda: _import(Form("qcow2"), 1),
    "remove": lambda: images.plan_remove("fbsd", [], LAYOUT, OP),
    "remove-used": lambda: images.plan_remove("fbsd", [DISK, "tank/other"], LAYOUT, OP),
    "blank": lambda: _disk(*volumes.blank(DISK, 20 << 30, OP)),
    "blank-odd": lambda: _disk(*volumes.blank(DISK, 5_000_001, OP)),
    "clone": lambda: _disk(*volumes.of_image(DISK, BASE, None, OP)),
    "clone-grown": lambda: _disk(*volumes.of_image(DISK, BASE, 20 << 30, OP)),
    "clone-shrunk": lambda: _disk(*volumes.of_image(DISK, BASE, 5 << 30, OP)),
    "copy-grown": lambda: _disk(*volumes.of_image(DISK, BASE, 20 << 30, OP, thick=True)),
    "media-add": lambda: _medium("/tmp/a b.iso", Form("raw")),
    "media-add-xz": lambda: _medium("/tmp/a.iso.xz", Form("raw", "xz")),
    "media-place": lambda: media.plan_place("a.iso", "/bsdvirt/media/dist/c-a.iso", LAYOUT, OP),
    "media-remove": lambda: media.plan_remove("a.iso", [], LAYOUT, OP),
    "media-remove-used": lambda: media.plan_remove("a.iso", ["web", "db"], LAYOUT, OP),
    "seed": lambda: Plan("create", "web", steps=seed.make(SEED, LAYOUT, "web"), op=OP),
    "seed-renewed": lambda: seed.plan_renew(SEED, LAYOUT, "web", OP),
}  # fmt: skip


def _text(plan: Plan) -> str:
    lines = [plan_as_shell(plan), "# undone, last first:\n"]
    lines += [f"{_undo(undo)}\n" for step in reversed(plan.steps) for undo in step.undo]
    volatile = [step.why for step in (*plan.steps, *plan.finish) if not step.durable]
    return "".join([*lines, f"# volatile: {', '.join(volatile) or 'none'}\n"])


def _undo(undo: Undo) -> str:
    return shell(undo.do) + (f"   # where {undo.when}" if undo.when else "")


@pytest.mark.parametrize("name", CASES)
def test_plan(name: str) -> None:
    try:
        text = _text(CASES[name]())
    except BsdvirtError as error:
        text = f"{type(error).__name__}: {error}\n"
    path = GOLDEN / f"{name}.txt"
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)
