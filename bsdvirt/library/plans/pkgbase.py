"""Releases of packages: FreeBSD's base system as packages of pkg(8), in a directory. Pure.

The sets of packages are those of FreeBSD 15 and newer (freebsd-base(7)).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.library.plans.entries import sealed
from bsdvirt.library.plans.levels import VERB
from bsdvirt.library.plans.releases import version_key
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Command, Copy, MakeDirectory, Plan, RemoveTree, Step, Undo, WriteFile

REPOSITORIES = "/".join(("usr", "local", "etc", "pkg", "repos"))
"""Where pkg(8) in a root looks for repositories: the prefix of the root's packages, not of ours."""
REPOSITORY = "FreeBSD-base"
FIRST = (15, 0)
"""The first release with sets of packages."""
KEYS = "/usr/share/keys"
SETS = ("minimal-jail", "base-jail")
"""What a release has; more can be chosen."""
PROBE = "FreeBSD-runtime"
"""The package with freebsd-version(1), whose version is that of the release."""
SECONDS = 3 * 3600.0
DATABASE = "var/db/pkg/local.sqlite"
"""In a release of packages."""
_VERSION = re.compile(r"(\d{1,3}\.\d{1,3})(?:p(\d{1,5}))?")
_RELEASE = re.compile(r"\d{1,3}\.\d{1,3}-RELEASE")


class Packages(Struct, frozen=True):
    """The packages of a release, and the directory that they are installed in."""

    release: str
    arch: str
    """As in an ABI: hw.machine_arch."""
    root: str
    work: str
    """Directory of what is needed meanwhile."""

    @property
    def major(self) -> int:
        return (version_key(self.release) or (0, 0))[0]

    @property
    def abi(self) -> str:
        return f"FreeBSD:{self.major}:{self.arch}"

    @property
    def keys(self) -> str:
        """Directory of the keys that the packages are signed with."""
        return f"{KEYS}/pkgbase-{self.major}"

    @property
    def _environment(self) -> tuple[str, ...]:
        return (tools.ENV, "IGNORE_OSVERSION=yes", "ASSUME_ALWAYS_YES=yes", f"ABI={self.abi}")

    def argv(self, *words: str) -> tuple[str, ...]:
        """Return a command line of pkg(8) for the directory."""
        where = ("--rootdir", self.root, "--repo-conf-dir", self.work)
        return (*self._environment, tools.PKG, *where, *words)

    def look_argv(self, *words: str) -> tuple[str, ...]:
        """Return one that leaves the directory alone, with databases of its own."""
        apart = (f"PKG_DBDIR={self.work}/db",)
        return (*self._environment, *apart, tools.PKG, "--repo-conf-dir", self.work, *words)

    @property
    def configuration(self) -> str:
        """The repository, as pkg.conf(5) has it."""
        minor = (version_key(self.release) or (0, 0))[1]
        return (
            f"{REPOSITORY}: {{\n"
            f'  url: "pkg+https://pkg.FreeBSD.org/{self.abi}/base_release_{minor}",\n'
            '  mirror_type: "srv",\n'
            '  signature_type: "fingerprints",\n'
            f'  fingerprints: "{self.keys}",\n'
            "  enabled: yes\n}\n"
        )


def check_release(name: str) -> None:
    """Raise UsageError for a release that has no sets of packages."""
    key = version_key(name)
    if not _RELEASE.fullmatch(name) or key is None or key < FIRST:
        raise UsageError(
            f"{name}: only releases from {FIRST[0]}.{FIRST[1]} on have sets of packages",
            f"bsdvirt release fetch {name}, without --from",
        )


def version_of(package: str) -> str | None:
    """Return 15.1-RELEASE-p3 for 15.1p3, the version of a package."""
    match = _VERSION.fullmatch(package)
    if match is None:
        return None
    return f"{match[1]}-RELEASE" + (f"-p{match[2]}" if match[2] else "")


def names_of(sets: Sequence[str]) -> tuple[str, ...]:
    """Return the packages of a release with these sets more."""
    return tuple(f"FreeBSD-set-{one}" for one in dict.fromkeys((*SETS, *sets)))


def _prepare(packages: Packages) -> tuple[Step, ...]:
    return (
        Step(
            MakeDirectory(packages.work, 0o700),
            "for the repository's configuration",
            undo=(Undo(RemoveTree(packages.work)),),
            durable=True,
        ),
        Step(
            WriteFile(f"{packages.work}/{REPOSITORY}.conf", packages.configuration, 0o600),
            "the repository",
            durable=True,
        ),
    )


def _clean(packages: Packages) -> tuple[Step, ...]:
    """Remove what is not part of the release: downloads, and catalogues of repositories."""
    return (
        Step(
            Command(packages.argv("clean", "-a", "-y"), timeout=SECONDS),
            "remove the downloaded packages",
            durable=True,
        ),
        Step(RemoveTree(f"{packages.root}/var/db/pkg/repos"), "remove the catalogue", durable=True),
    )


def plan_add(name: str, layout: Layout, packages: Packages, sets: Sequence[str], op: str) -> Plan:
    """Install the packages of a release into a new dataset. pkg(8) looks for keys beneath the
    directory: they are copied there first."""
    dataset, root = layout.release(name), packages.root
    names = names_of(sets)
    fetch = packages.argv("install", "-U", "-F", "-y", "-r", REPOSITORY, *names)
    install = packages.argv("install", "-U", "-y", "-r", REPOSITORY, *names)
    steps = (
        Step(
            Command((tools.ZFS, "create", *mark_of(op), dataset)),
            f"a dataset for {name}",
            undo=(destroy_ours(dataset, op),),
            durable=True,
        ),
        *_prepare(packages),
        Step(MakeDirectory(f"{root}/usr/share", 0o755), "for the keys", durable=True),
        Step(
            Copy(KEYS, root, "/usr/share/keys", inward=True, recursive=True),
            "the keys that packages are signed with",
            durable=True,
        ),
        Step(
            Command(packages.argv("update", "-r", REPOSITORY), timeout=SECONDS),
            "fetch the catalogue",
            durable=True,
        ),
        Step(Command(fetch, timeout=SECONDS), "fetch the packages", durable=True),
        Step(Command(install, timeout=SECONDS), "install the packages", durable=True),
        *_clean(packages),
        Step(MakeDirectory(f"{root}/{REPOSITORIES}", 0o755), "for its configuration"),
        Step(
            WriteFile(
                f"{root}/{REPOSITORIES}/FreeBSD.conf",
                f"{REPOSITORY}: {{ enabled: yes }}\n",
            ),
            "jails use the repository too",
            durable=True,
        ),
        *sealed(dataset, "the origin of the jails' clones"),
    )
    finish = (clear_mark(dataset, op), Step(RemoveTree(packages.work), "not needed any more"))
    return Plan("fetch release", name, "release", steps, finish, op=op)


def plan_look(name: str, packages: Packages, op: str) -> Plan:
    """Fetch the catalogue: it has the newest version."""
    steps = (
        *_prepare(packages),
        Step(MakeDirectory(f"{packages.work}/db", 0o700), "for the catalogue", durable=True),
        Step(
            Command(packages.look_argv("update", "-r", REPOSITORY), timeout=SECONDS),
            "fetch the catalogue; the release is not changed",
            durable=True,
        ),
    )
    notes = ("the new snapshot is named after the version in the catalogue",)
    return Plan(VERB, name, "release", steps, op=op, notes=notes)


def update_steps(packages: Packages) -> tuple[Step, ...]:
    """Upgrade the packages of a release."""
    return (
        Step(
            Command(packages.argv("update", "-r", REPOSITORY), timeout=SECONDS),
            "fetch the catalogue",
            durable=True,
        ),
        Step(
            Command(packages.argv("upgrade", "-U", "-y", "-r", REPOSITORY), timeout=SECONDS),
            "upgrade the packages",
            durable=True,
        ),
        *_clean(packages),
    )
