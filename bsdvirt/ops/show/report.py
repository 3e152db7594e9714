"""What a bug report needs: versions, settings, findings, plans and the last failures. Addresses,
ids and secrets are masked. Read, bounded, and nothing is changed."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata

from bsdvirt import __version__
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_kernel
from bsdvirt.host import tools
from bsdvirt.host.sanitize import shown, tail
from bsdvirt.kinds import read_spec
from bsdvirt.layout import HOST_FILE, bhyve_log, failed_file, network_file, supervisor_log
from bsdvirt.ops.doctor.examine import examine
from bsdvirt.ops.show.events import chosen, operations
from bsdvirt.ops.show.guests import listing
from bsdvirt.ops.show.masked import Mask, secrets_of
from bsdvirt.rows.base import plain
from bsdvirt.rows.report import Section
from bsdvirt.session.session import Session
from bsdvirt.spec.load import dump

PACKAGES = ("msgspec", "PyYAML", "Jinja2", "textual", "py-libzfs")
MOST_OPERATIONS = 20
MOST_BYTES = 8192
"""Of each file, from its end."""


def report(session: Session, names: Sequence[str] = ()) -> list[Section]:
    """Return the sections of a report; with the files and logs of these guests. Raises
    NotFoundError for a guest that does not exist."""
    found = session.inventory() if names else None
    guests = [found.guest(name) for name in names] if found is not None else []
    sections = [
        _section("versions", lambda: _versions(session)),
        _section("host file", lambda: _file(session, HOST_FILE)),
        _section("networks", lambda: _networks(session)),
        _section("guests", lambda: _guests(session)),
        _section("problems", lambda: _problems(session)),
        _section("operations", lambda: _operations(session)),
    ]
    secrets: set[str] = set()
    for guest in guests:
        spec = read_spec(session.host.fs, guest)
        if spec is not None:
            secrets |= secrets_of(spec)
            sections.append(Section(title=f"{guest.name}: file", text=dump(spec)))
        else:
            # What is secret in it is not known.
            sections.append(Section(title=f"{guest.name}: file", text="cannot be read"))
        for path in (
            failed_file(guest.name), bhyve_log(guest.name), supervisor_log(guest.name),
        ):  # fmt: skip
            if text := _file(session, path):
                sections.append(Section(title=path, text=text))
    mask = Mask(secrets, _names(session))
    return [Section(title=one.title, text=mask(shown(one.text))) for one in sections]


def _section(title: str, read: Callable[[], str]) -> Section:
    """Return a section; what cannot be read is said in it, and stops no other."""
    try:
        return Section(title=title, text=read())
    except BsdvirtError as error:
        return Section(title=title, text=str(error))


def _versions(session: Session) -> str:
    kernel = read_kernel(session.host)
    lines = [
        f"bsdvirt {__version__}",
        f"kernel {kernel.release}, {kernel.cpus} CPUs, racct {'on' if kernel.racct else 'off'}",
        f"python {platform.python_version()}",
    ]
    for package in PACKAGES:
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package}: not installed")
    return "\n".join(lines)


def _file(session: Session, path: str) -> str:
    """Return the end of a file; empty if it cannot be read."""
    try:
        size = session.host.fs.size(path) or 0
        data = session.host.fs.read_from(path, max(0, size - MOST_BYTES), MOST_BYTES)
    except OSError:
        return ""
    return tail(data.decode("utf-8", "replace"), MOST_BYTES)


def _networks(session: Session) -> str:
    networks = session.networks()
    texts = [f"{network_file(name)}\n{dump(network)}" for name, network in networks.items()]
    texts += [f"{network_file(name)}: {error}" for name, error in networks.broken.items()]
    return "\n".join(texts) or "none"


def _guests(session: Session) -> str:
    rows = listing(session)[0]
    return _lines(
        f"{row.name} {row.kind} {row.state} id={row.id} {row.release}".rstrip() for row in rows
    )


def _problems(session: Session) -> str:
    return _lines(
        f"{'problem' if one.problem else 'notice'}: {one.subject}: {one.message} ({one.remedy})"
        for one in examine(session)
    )


def _operations(session: Session) -> str:
    """Return the last operations; of those that failed, all that the log has."""
    lines = []
    for row in operations(session, chosen(()), MOST_OPERATIONS):
        lines.append(
            f"{row.time} {row.verb} {row.subject}: {'ok' if row.ok else row.message}"
            f" ({row.seconds:.1f} s)"
        )
        if not row.ok:
            # The command line may have values of properties.
            told = {key: plain(row)[key] for key in ("argv", "status", "stderr", "undone", "left")}
            lines += [f"    {key}: {value}" for key, value in told.items() if value]
    return _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) or "none"


def _names(session: Session) -> list[str]:
    """Return the name of the host, with and without its domain."""
    name = session.host.run((tools.SYSCTL, "-n", "kern.hostname"), changes=False).stdout.strip()
    return [name, name.partition(".")[0]]
