"""freebsd-update(8) for a directory: what freebsd-update.sh of 13.2 and 15.1 prints and does.

The simulated server has a patch level and an end of support for each release: see `publish`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bsdvirt_sim.context import Exit, Run
from bsdvirt_sim.zfs.properties import View

FOREVER = 4102444800
_SIGNED = re.compile(r"KeyPrint [0-9a-f]{64}\nServerName (\S+)\n")
_PRESENT = "INDEX-OLD"


@dataclass
class Published:
    """What the server has for a release."""

    level: int = 3
    ends: int = FOREVER
    files: dict[str, str] = field(default_factory=dict)
    """Files that an update changes, beside bin/freebsd-version."""
    broken: bool = False
    """Whether a file of the update cannot be installed."""


def publish(directory: Path, release: str, published: Published) -> None:
    """Let the server have this for a release."""
    every = _read(directory)
    every[release] = asdict(published)
    (directory / "updates.json").write_text(json.dumps(every))


def published(directory: Path, release: str) -> Published:
    """Return what the server has for a release."""
    return Published(**_read(directory).get(release, {}))  # type: ignore[arg-type]


def _read(directory: Path) -> dict[str, dict[str, object]]:
    file = directory / "updates.json"
    found: dict[str, dict[str, object]] = json.loads(file.read_text()) if file.exists() else {}
    return found


def freebsd_update(run: Run, words: list[str]) -> int:
    """Run freebsd-update(8)."""
    match words:
        case ["-b", base, "-d", work, "-f", conf, "--not-running-from-cron",
              "--currently-running", version, command]:  # fmt: skip
            job = _Job(run, base, work, conf, version)
        case _:
            raise run.unknown()
    if command not in _COMMANDS:
        raise run.unknown()
    return _COMMANDS[command](job)


class _Job:
    def __init__(self, run: Run, base: str, work: str, conf: str, version: str) -> None:
        self.run = run
        self.base = base
        self.root = run.path(base)
        self.work = run.path(work)
        self.release = re.sub(r"-p\d+$", "", version)
        if not run.path(conf).is_file():
            run.print(f"File does not exist or is not readable: {conf}")
            raise Exit(1)
        found = _SIGNED.match(run.path(conf).read_text())
        if found is None:
            raise run.unknown("its configuration")
        self.server = found[1]
        self.published = published(run.directory, self.release)
        self.link = self.work / f"{hashlib.sha256(base.encode()).hexdigest()}-install"
        if not (self.root / "usr/src/COPYRIGHT").exists():
            run.print("src component not installed, skipped")
        if not self.work.is_dir():
            run.print("freebsd-update: Directory does not exist or is not writable: " + work)
            raise Exit(1)

    @property
    def version(self) -> str:
        return f"{self.release}-p{self.published.level}"

    def files(self) -> dict[str, str]:
        """Return the contents after the update."""
        name = "bin/freebsd-version"
        old = (self.root / name).read_text()
        new = re.sub(r'USERLAND_VERSION="[^"]*"', f'USERLAND_VERSION="{self.version}"', old)
        return {name: new} | self.published.files

    def changed(self) -> list[str]:
        if not self.published.level:
            return []
        return sorted(
            name
            for name, text in self.files().items()
            if not (self.root / name).is_file() or (self.root / name).read_text() != text
        )


def _fetch(job: _Job) -> int:
    run = job.run
    run.changes()
    run.print(f"Looking up {job.server} mirrors... 3 mirrors found.")
    run.print(f"Fetching public key from update2.{job.server.partition('.')[2]}... done.")
    run.print(f"Fetching metadata signature for {job.release} from {job.server}... done.")
    run.print("Fetching metadata index... done.")
    run.print("Fetching 2 metadata files... done.")
    run.print("Inspecting system... done.")
    run.print("Preparing to download files... done.")
    digest = hashlib.sha256(job.release.encode()).hexdigest()
    (job.work / "tag").write_text(
        f"freebsd-update|amd64|{job.release}|{job.published.level}|{digest}|{job.published.ends}\n"
    )
    changed = job.changed()
    if not changed:
        run.print()
        run.print(f"No updates needed to update system to {job.release}-p{job.published.level}.")
    else:
        run.print("The following files will be updated as part of updating to")
        run.print(f"{job.version}:")
        for name in changed:
            run.print(f"/{name}")
        job.link.mkdir(exist_ok=True)
        (job.link / _PRESENT).write_text("\n".join(changed))
    if job.published.ends < run.now():
        run.print()
        run.print(f"WARNING: FreeBSD {job.release} HAS PASSED ITS END-OF-LIFE DATE.")
        run.print("Any security issues discovered after then")
        run.print("will not have been corrected.")
        return 1
    return 0


def _install(job: _Job) -> int:
    run = job.run
    run.changes()
    if not job.link.exists():
        run.print("No updates are available to install.")
        run.print("Run 'freebsd-update [options] fetch' first.")
        return 2
    run.out.append("Installing updates...")
    holder = next((n for n, d in run.state.datasets.items() if d.mounted == job.base), "")
    if holder and View(run).get(holder, "readonly")[0] == "on":
        raise run.fail(f"chflags: {job.base}/bin/freebsd-version: Read-only file system")
    for name, text in job.files().items():
        file = job.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o7777 if file.exists() else 0o644
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(mode)
        if job.published.broken:
            raise run.fail(f"install: {job.base}/{name}: No space left on device")
    (job.link / _PRESENT).unlink()
    job.link.rmdir()
    run.print(" done.")
    return 0


def _ready(job: _Job) -> int:
    run = job.run
    run.reads() if run.declared is False else run.changes()
    if not job.link.exists():
        run.print("No updates are available to install.")
        return 2
    run.print("There are updates available to install.")
    run.print("Run 'freebsd-update [options] install' to proceed.")
    return 0


_COMMANDS = {"fetch": _fetch, "install": _install, "updatesready": _ready}
