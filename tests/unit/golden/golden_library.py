"""Golden files of releases, images, media, disks and seeds."""

from __future__ import annotations

from typing import Any

import msgspec

from bsdvirt.bhyve import volumes
from bsdvirt.bhyve.cloud import seed
from bsdvirt.layout import Layout
from bsdvirt.library.formats import Form
from bsdvirt.library.plans import entries, images, levels, media, pkgbase, releases
from bsdvirt.library.plans.images import Source
from bsdvirt.plan.step import Plan
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.images import Image

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


class Given(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a planner is given; `words` are its other arguments."""

    why: str
    name: str = "web"
    source: dict[str, Any] = {}
    form: Form = Form("raw")
    words: dict[str, Any] = {}

    @property
    def file(self) -> Source:
        return Source(form=self.form, **self.source)


def _add_release(given: Given) -> Plan:
    archives = [releases.Archive(**archive) for archive in given.words["archives"]]
    return releases.plan_add(given.name, archives, LAYOUT, OP)


def _update_release(given: Given) -> Plan:
    version = str(given.words["version"])
    updater = levels.Updater(LAYOUT.release_directory(given.name), "/bsdvirt/media/dist/u", version)
    snapshot = levels.level_name(given.words["newest"], given.words["taken"])
    steps = levels.freebsd_update_steps(updater)
    return levels.plan_update(given.name, LAYOUT, given.words["newest"], snapshot, "{}", steps, OP)


PACKAGES = pkgbase.Packages(
    "15.1-RELEASE", "amd64", "/bsdvirt/releases/15.1-RELEASE", "/bsdvirt/media/dist/p"
)


def _packages(given: Given) -> Plan:
    if "newest" not in given.words:
        return pkgbase.plan_add(given.name, LAYOUT, PACKAGES, given.words["sets"], OP)
    steps = pkgbase.update_steps(PACKAGES)
    return levels.plan_update(given.name, LAYOUT, given.words["newest"], "p2", "{}", steps, OP)


def _remove_release(given: Given) -> Plan:
    return entries.plan_remove("release", given.name, pool=LAYOUT, op=OP, **given.words)


def _import_image(given: Given) -> Plan:
    return images.plan_import(given.name, given.file, IMAGE, LAYOUT, OP)


def _remove_image(given: Given) -> Plan:
    return entries.plan_remove("image", given.name, pool=LAYOUT, op=OP, **given.words)


def _add_media(given: Given) -> Plan:
    return media.plan_add(given.name, given.file, LAYOUT, OP)


def _place_media(given: Given) -> Plan:
    return media.plan_place(given.name, layout=LAYOUT, op=OP, **given.words)


def _remove_media(given: Given) -> Plan:
    return media.plan_remove(given.name, layout=LAYOUT, op=OP, **given.words)


def _blank_disk(given: Given) -> Plan:
    steps = volumes.blank(DISK, op=OP, **given.words)
    return Plan("create", "web", "guest", steps, (volumes.complete(DISK, OP),), op=OP)


def _image_disk(given: Given) -> Plan:
    steps = volumes.of_image(DISK, BASE, op=OP, **given.words)
    return Plan("create", "web", "guest", steps, (volumes.complete(DISK, OP),), op=OP)


def _make_seed(given: Given) -> Plan:
    return Plan("create", given.name, steps=seed.make(SEED, LAYOUT, given.name), op=OP)


def _renew_seed(given: Given) -> Plan:
    return seed.plan_renew(SEED, LAYOUT, given.name, OP)


PLANNERS = {
    "bhyve/blank-disk": _blank_disk,
    "bhyve/image-disk": _image_disk,
    "bhyve/make-seed": _make_seed,
    "bhyve/renew-seed": _renew_seed,
    "library/add-media": _add_media,
    "library/add-release": _add_release,
    "library/import-image": _import_image,
    "library/place-media": _place_media,
    "library/remove-image": _remove_image,
    "library/remove-media": _remove_media,
    "library/packages": _packages,
    "library/remove-release": _remove_release,
    "library/update-release": _update_release,
}
