"""Plans that update a release: a new snapshot of its dataset, for new jails. Pure.

The dataset of a release is changed in place, between two snapshots: no jail uses it, only its
snapshots. Where the update fails, the dataset is rolled back to the first of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library.plans.entries import read_only
from bsdvirt.library.plans.releases import VERSION_PROPERTY
from bsdvirt.plan.marks import mark_of
from bsdvirt.plan.step import (
    Command,
    DatasetOwned,
    MakeDirectory,
    Not,
    Plan,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)

KNOWN_PROPERTY = "bsdvirt:known"
"""Property of a release: what was known of it when updates were last looked for."""
VERB = "update release"
FETCH = "freebsd-update fetch"
INSTALL_SECONDS = 3 * 3600.0
FETCH_SECONDS = 3 * 3600.0
ROLLBACK_SECONDS = 3600.0
PAGER = "PAGER=/bin/cat"
NOTHING_LEFT = 2
"""Exit status of freebsd-update(8) for `install` and `updatesready` without fetched updates."""
PATCHED = re.compile(r"(.+)-p(\d{1,5}|N)")
UNKNOWN = "pN"
"""Stands for the patch level in a dry run, which downloads nothing."""


class Updater(Struct, frozen=True):
    """freebsd-update(8) of one release: where it works, and what it takes the release for."""

    directory: str
    """The release's directory."""
    work: str
    """Directory of its downloads."""
    version: str
    """The version in the release's directory."""

    @property
    def configuration(self) -> str:
        return f"{self.work}/freebsd-update.conf"

    @property
    def log(self) -> str:
        return f"{self.work}/fetch.log"

    def argv(self, command: str) -> tuple[str, ...]:
        """Return the command line. The version is given each time: without it, that of the host's
        kernel would be used."""
        return (
            tools.ENV, PAGER, tools.FREEBSD_UPDATE, "-b", self.directory, "-d", self.work,
            "-f", self.configuration, "--not-running-from-cron",
            "--currently-running", self.version, command,
        )  # fmt: skip


def configuration(key: str, server: str) -> str:
    """Return freebsd-update.conf(5) for a release: the host's key and server. A release has no
    kernel, and none is backed up to it."""
    return (
        f"KeyPrint {key}\nServerName {server}\nComponents src world\n"
        "UpdateIfUnmodified /etc/ /var/ /root/ /.cshrc /.profile\nBackupKernel no\n"
    )


def plan_fetch(name: str, updater: Updater, conf: str, op: str) -> Plan:
    """Download updates. freebsd-update(8) ends with status 1 also after it has downloaded the last
    ones of a release that is not supported any more: what it printed tells."""
    return Plan(
        VERB,
        name,
        "release",
        (
            Step(MakeDirectory(updater.work, 0o700), "for downloads"),
            Step(WriteFile(updater.configuration, conf, 0o600), "its configuration"),
            Step(RemoveFile(updater.log), "what it printed before"),
            Step(
                Command(
                    updater.argv("fetch"),
                    (0, 1),
                    timeout=FETCH_SECONDS,
                    log=updater.log,
                    title=FETCH,
                ),
                "download updates; the release is only read",
            ),
        ),
        op=op,
        notes=("the new snapshot is named after the patch level that is downloaded",),
    )


def level_name(version: str, taken: Sequence[str]) -> str:
    """Return the name of the snapshot of a version: p3 for 14.3-RELEASE-p3."""
    match = PATCHED.fullmatch(version)
    name = f"p{match[2]}" if match else re.sub(r"[^A-Za-z0-9._-]", "-", version)
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def freebsd_update_steps(updater: Updater) -> tuple[Step, ...]:
    """Install downloaded updates. A second run installs what the first leaves for after an upgrade
    of packages: old shared libraries. A third command confirms that nothing is left."""
    return (
        Step(
            Command(updater.argv("install"), timeout=INSTALL_SECONDS),
            "install the updates",
            durable=True,
        ),
        Step(
            Command(updater.argv("install"), (0, NOTHING_LEFT), timeout=INSTALL_SECONDS),
            "remove old libraries, if the first run has left them",
            durable=True,
        ),
        Step(
            Command(updater.argv("updatesready"), (NOTHING_LEFT,)),
            "confirm that all are installed",
        ),
    )


def plan_update(
    name: str,
    pool: Layout,
    version: str,
    snapshot: str,
    known: str,
    steps: Sequence[Step],
    op: str,
) -> Plan:
    """Update a release to a version by these steps, and take a snapshot for new jails. `known` is
    the new value of bsdvirt:known."""
    dataset = pool.release(name)
    before = f"{dataset}@updating-{op}"
    writable = Command((tools.ZFS, "set", "readonly=off", dataset))
    protect = Command((tools.ZFS, "set", "readonly=on", dataset))
    rollback = Command((tools.ZFS, "rollback", "-r", before), timeout=ROLLBACK_SECONDS)
    destroy = Command((tools.ZFS, "destroy", before))
    taken = Command(
        (tools.ZFS, "snapshot", "-o", f"{VERSION_PROPERTY}={version}", f"{dataset}@{snapshot}")
    )
    return Plan(
        VERB,
        name,
        "release",
        (
            Step(
                Command((tools.ZFS, "snapshot", *mark_of(op), before)),
                "a snapshot to return to if the update fails",
                undo=(Undo(destroy, DatasetOwned(before, op)),),
                durable=True,
            ),
            Step(
                writable,
                "allow changes; jails use its snapshots only",
                undo=(
                    Undo(rollback, DatasetOwned(before, op)),
                    Undo(protect, DatasetOwned(before, op)),
                ),
                durable=True,
            ),
            *steps,
            Step(taken, "the origin of new jails' clones", durable=True),
        ),
        (
            read_only(dataset),
            known_step(dataset, known),
            Step(destroy, "it is not needed any more", unless=Not(DatasetOwned(before, op)),
                 durable=True),
        ),
        op=op,
    )  # fmt: skip


def known_step(dataset: str, known: str) -> Step:
    """Note what is known of a release."""
    return Step(
        Command((tools.ZFS, "set", f"{KNOWN_PROPERTY}={known}", dataset)),
        "note when updates were looked for",
        durable=True,
    )


def plan_known(name: str, pool: Layout, known: str, op: str) -> Plan:
    """Note that a release is up to date."""
    return Plan(VERB, name, "release", (known_step(pool.release(name), known),), op=op)
