"""pkg(8) with the repository of the base system: for a directory, or to look at the catalogue.

The repository has the versions that freebsdupdate.py publishes.
"""

from __future__ import annotations

import re
from pathlib import Path

from bsdvirt_sim.context import Run
from bsdvirt_sim.tools.distribution import fill
from bsdvirt_sim.tools.freebsdupdate import Published, published
from bsdvirt_sim.zfs.properties import View

_URL = re.compile(r'pkg\+https://pkg\.FreeBSD\.org/FreeBSD:(\d+):amd64/base_release_(\d+)"')
_KEYS = re.compile(r'fingerprints: "(/usr/share/keys/pkgbase-\d+)"')
_REPOSITORY = ("-r", "FreeBSD-base")


def pkg(run: Run, environment: dict[str, str], words: list[str]) -> int:
    """Run pkg(8)."""
    match words:
        case ["--rootdir", root, "--repo-conf-dir", place, *rest]:
            job = _Job(run, root, place, f"{root}/var/db/pkg")
        case ["--repo-conf-dir", place, *rest] if "PKG_DBDIR" in environment:
            job = _Job(run, "", place, environment["PKG_DBDIR"])
        case _:
            raise run.unknown()
    if environment.get("ABI") != f"FreeBSD:{job.major}:amd64":
        raise run.unknown("an ABI that is not that of the repository")
    match rest:
        case ["update", *which] if tuple(which) == _REPOSITORY:
            return job.update()
        case ["rquery", "-U", *which, "%v", "FreeBSD-runtime"] if tuple(which) == _REPOSITORY:
            run.reads()
            job.need_catalogue()
            run.print(job.version)
            return 0
        case ["install", "-U", "-F", "-y", "-r", "FreeBSD-base", *names] if names and root:
            run.changes()
            job.need_catalogue()
            (job.cache / "packages").write_text(" ".join(names))
            return 0
        case ["install", "-U", "-y", "-r", "FreeBSD-base", *names] if names and root:
            run.changes()
            return job.install()
        case ["upgrade", "-U", "-y", "-r", "FreeBSD-base"] if root:
            run.changes()
            return job.install()
        case ["clean", "-a", "-y"] if root:
            run.changes()
            for file in job.cache.iterdir():
                file.unlink()
            return 0
    raise run.unknown()


class _Job:
    def __init__(self, run: Run, root: str, place: str, database: str) -> None:
        self.run = run
        self.root = root
        text = run.path(f"{place}/FreeBSD-base.conf").read_text()
        url, keys = _URL.search(text), _KEYS.search(text)
        if url is None or keys is None:
            raise run.unknown("its repository")
        self.major, minor = url.groups()
        self.keys = f"{root}{keys[1]}"
        self.release = f"{self.major}.{minor}-RELEASE"
        self.published: Published = published(run.directory, self.release)
        self.database = run.path(database)
        level = f"p{self.published.level}" if self.published.level else ""
        self.version = f"{self.major}.{minor}{level}"

    @property
    def cache(self) -> Path:
        place = self.run.path(f"{self.root}/var/cache/pkg")
        place.mkdir(parents=True, exist_ok=True)
        return place

    def update(self) -> int:
        self.run.changes()
        if not (self.run.path(self.keys) / "trusted").is_dir():
            raise self.run.fail("pkg: No trusted public keys found")
        self._need_writable()
        (self.database / "repos").mkdir(parents=True, exist_ok=True)
        (self.database / "repos/FreeBSD-base").write_text(self.version)
        self.run.print("Updating FreeBSD-base repository catalogue...")
        self.run.print("FreeBSD-base is up to date.")
        return 0

    def need_catalogue(self) -> None:
        if not (self.database / "repos/FreeBSD-base").is_file():
            raise self.run.fail(
                "pkg: Repository FreeBSD-base cannot be opened. 'pkg update' required"
            )

    def _need_writable(self) -> None:
        datasets = self.run.state.datasets
        holder = next((n for n, d in datasets.items() if self.root and d.mounted == self.root), "")
        if holder and View(self.run).get(holder, "readonly")[0] == "on":
            raise self.run.fail(f"pkg: mkdir({self.root}/var/db/pkg): Read-only file system")

    def install(self) -> int:
        self.need_catalogue()
        self._need_writable()
        level = self.published.level
        top = self.run.path(self.root)
        fill(top, self.release + (f"-p{level}" if level else ""))
        for name, text in self.published.files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        (self.database / "local.sqlite").write_text(self.version)
        if self.published.broken:
            raise self.run.fail("pkg: Fail to create temporary file: No space left on device")
        return 0
