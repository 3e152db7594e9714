"""Releases of packages, fetched and updated by pkg(8)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bsdvirt.errors import FetchError, HostError
from bsdvirt.facts.host import read_kernel, read_platform
from bsdvirt.host import tools
from bsdvirt.library import mirrors
from bsdvirt.library.entries import added, adding
from bsdvirt.library.plans import pkgbase as plans
from bsdvirt.library.plans.releases import newer, refuse_newer
from bsdvirt.library.update.found import Found
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.prepared import Prepared
from bsdvirt.session.session import Session


class FetchPackages(Struct, frozen=True):
    """Install a release's packages from FreeBSD's repository into a new release."""

    name: str
    sets: Sequence[str] = ()

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises UsageError for a release without sets of packages, ConflictError if it exists,
        HostError if pkg(8) or the keys are missing."""
        name = self.name
        plans.check_release(name)
        refuse_newer(name, read_kernel(session.host).release)
        with adding(session, "release", name, "fetch release") as found:
            work = f"{session.layout.fetched}/pkgbase-{name}"
            packages = packages_of(session, name, found.layout.release_directory(name), work)
            plan = plans.plan_add(name, found.layout, packages, self.sets, session.new_op())
            yield added(session, name, plan)


def release_name(session: Session, version: str | None) -> str:
    """Return the release to fetch, by default the host's own."""
    return mirrors.release_name(version or read_kernel(session.host).release)


def packages_of(session: Session, release: str, root: str, work: str) -> plans.Packages:
    """Return the packages of a release. Raises HostError if pkg(8) or the keys are missing."""
    fs = session.host.fs
    packages = plans.Packages(release, read_platform(session.host)[1], root, work)
    if not fs.is_file(tools.PKG):
        raise HostError(f"{tools.PKG} does not exist", "pkg bootstrap")
    if not fs.is_dir(packages.keys):
        raise HostError(
            f"{packages.keys} does not exist: the packages of {release} are signed with keys that"
            " this host lacks",
            "update the host, or omit --from",
        )
    return packages


class PackageSource(Struct, frozen=True):
    """Updates of a release of packages."""

    packages: plans.Packages
    version: str

    def fetch(self, name: str, op: str) -> Plan:
        """Plan the download."""
        return plans.plan_look(name, self.packages, op)

    def found(self, session: Session, name: str) -> Found:
        """Return what was found. Raises FetchError."""
        argv = self.packages.look_argv("rquery", "-U", "-r", plans.REPOSITORY, "%v", plans.PROBE)
        shown = session.host.run(argv, changes=False).check().stdout
        version = plans.version_of(shown.strip())
        if version is None:
            raise FetchError(
                f"{name}: {plans.PROBE} of the repository has no version: {shown.strip()[:60]!r}",
                "try again",
            )
        return Found(version, 0, newer(version, self.version))

    def steps(self) -> tuple[Step, ...]:
        """Return the steps that install the updates."""
        return plans.update_steps(self.packages)
