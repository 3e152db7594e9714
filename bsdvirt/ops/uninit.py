"""`bsdvirt uninit`: take back what `init` has made on this host."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.facts.packetfilter import GATEWAY, FirewallFacts, read_firewall
from bsdvirt.facts.sysctl import read_sysrc
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host import tools
from bsdvirt.layout import (
    CHILDREN,
    HISTORIES,
    HOST_FILE,
    LOG_DIRECTORY,
    NETWORK_DIRECTORY,
    POOL_DIRECTORY,
    Layout,
    pool_file,
)
from bsdvirt.net.pf import anchor_lines
from bsdvirt.net.pfsetup import PF_CONF, TEXT
from bsdvirt.ops.destroy import Destroy
from bsdvirt.ops.init import RCVAR
from bsdvirt.ops.network.networks import destroy_task
from bsdvirt.plan.step import (
    Command,
    DatasetExists,
    FileExists,
    Not,
    Plan,
    RemoveDirectory,
    RemoveFile,
    Step,
)
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session

STATS_RCVAR = "bsdvirt_stats_enable"
"""`stats record` ends by itself when the host file is gone."""
DESTROY_SECONDS = 3600.0
BUSY_SECONDS = 15.0


class Uninit(Struct, frozen=True):
    """Remove the networks, the lines in rc.conf(5), pf.conf(5) if it is as bsdvirt wrote it, the
    datasets and the host file. Nothing of the package is removed."""

    destroy_guests: bool = False
    """Destroy all guests first, with their data; and releases, images and media."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises HostError for a host that is not set up, ConflictError if there are guests that
        are not to be destroyed, or cannot be."""
        found = _inventory(session)
        names = guests_of(found)
        if names and not self.destroy_guests:
            raise ConflictError(
                f"this host has guests: {', '.join(names)}",
                "to destroy them with their data, bsdvirt uninit --destroy-guests",
            )
        _refuse_strays(found)
        with contextlib.ExitStack() as stack:
            first: list[Task] = []
            if names:
                request = Destroy(names, force=True)
                first += stack.enter_context(request.prepare(session)).tasks
            first += _networks(session, stack, names)
            for task in first:
                # Of all or of nothing: one that would be refused is known before any is gone.
                if task.error is not None:
                    raise task.error
            for layout in session.pools.layouts[1:]:
                stack.enter_context(session.locked("pool", layout.named, "uninit"))
            stack.enter_context(session.locked("allocation", "", "uninit"))
            needs = tuple(task.name for task in first)
            yield Prepared(session, [self._host(session, found, needs)], first, parallel=False)

    def _host(self, session: Session, found: Inventory | None, needs: tuple[str, ...]) -> Task:
        steps: list[Step] = []
        notes: list[str] = []
        for layout in found.layouts if found else ():
            more, kept = self._datasets(session, found, layout)
            steps += more
            notes += kept
        firewall = read_firewall(session.host)
        steps += (*_pf_steps(firewall), *_rc_steps(session))
        notes += _notes(firewall)
        steps += _file_steps(session.pools.layouts)
        plan = Plan(
            "uninit", session.layout.dataset, "host", finish=tuple(steps), op=session.new_op()
        )
        # The journal's own dataset goes with the rest.
        return Task("host", (Part(plan, journalled=False),), "removed", tuple(notes), needs=needs)

    def _datasets(
        self, session: Session, found: Inventory | None, layout: Layout
    ) -> tuple[list[Step], tuple[str, ...]]:
        """Return the steps that destroy the datasets of a pool, and what to say if they stay."""
        assert found is not None
        top = layout.dataset
        if self.destroy_guests:
            return [
                _destroy(top, f"destroy {top} and all beneath it", "-r"),
                _mountpoint(layout),
            ], ()
        if holds := _contents(session, found, layout):
            return [], (f"{top} is kept, with {holds}; to destroy it, zfs destroy -r {top}",)
        children = [f"{top}/{child}" for child in (HISTORIES, *CHILDREN)]
        there = {dataset.name for dataset in found.datasets}
        every = [*(name for name in children if name in there), top]
        return [*(_destroy(name, f"destroy {name}") for name in every), _mountpoint(layout)], ()


def guests_of(found: Inventory | None) -> tuple[str, ...]:
    """Return all guests, those of other hosts too."""
    return tuple(sorted((*found.guests, *found.foreign))) if found else ()


def losses(session: Session) -> list[str]:
    """Return what --destroy-guests destroys, by dataset."""
    found = _inventory(session)
    tops = {layout.dataset for layout in found.layouts} if found else set()
    return [
        f"{dataset.name} ({dataset.used} bytes)"
        for dataset in (found.datasets if found else ())
        if dataset.name in tops or dataset.parent in {f"{top}/guests" for top in tops}
    ]


def _inventory(session: Session) -> Inventory | None:
    """Return the inventory; None where an earlier uninit has destroyed the datasets."""
    try:
        return session.inventory()
    except NotFoundError:
        return None


def _refuse_strays(found: Inventory | None) -> None:
    for stray, why in found.strays if found else ():
        raise ConflictError(
            f"{stray.name} is among the guests' datasets, but is not a guest: {why}",
            f"move it elsewhere, or zfs destroy -r {stray.name}",
        )


def _networks(
    session: Session, stack: contextlib.ExitStack, going: Collection[str]
) -> Iterator[Task]:
    networks = session.networks()
    for name in sorted({*networks, *networks.broken, *session.pending("network")}):
        stack.enter_context(session.locked("network", name, "uninit", destroying=True))
    networks = session.networks()
    for name in sorted({*networks, *networks.broken}):
        yield destroy_task(session, name, going=going)


def _contents(session: Session, found: Inventory, layout: Layout) -> str:
    """Return what is on a pool besides guests, in words; empty if there is nothing."""
    top = layout.dataset
    own = {top, *(f"{top}/{child}" for child in (HISTORIES, *CHILDREN))}
    holds = [d.name for d in found.datasets if d.name.startswith(f"{top}/") and d.name not in own]
    media = f"{layout.mountpoint}/media"
    holds += [f"{media}/{name}" for name in sorted(session.host.fs.listdir(media))]
    holds += session.zfs.snapshots(top)
    return ", ".join(holds[:8]) + (f" and {len(holds) - 8} more" if len(holds) > 8 else "")


def _destroy(dataset: str, why: str, *options: str) -> Step:
    return Step(
        Command((tools.ZFS, "destroy", *options, dataset), timeout=DESTROY_SECONDS),
        why,
        unless=Not(DatasetExists(dataset)),
        retry=BUSY_SECONDS,
    )


def _mountpoint(layout: Layout) -> Step:
    """Remove the mount point: zfs(8) leaves one that was set (remove_mountpoint in libzfs)."""
    place, _, name = layout.mountpoint.rpartition("/")
    return Step(
        RemoveDirectory(name, place or "/"),
        f"directory {layout.mountpoint}, if empty",
        unless=Not(FileExists(layout.mountpoint)),
    )


def _pf_steps(firewall: FirewallFacts) -> Iterator[Step]:
    """Undo the setup of pf(4), if its file is as bsdvirt wrote it and no other rules are loaded."""
    if firewall.conf_name != PF_CONF or firewall.conf_text != TEXT:
        return
    yield Step(
        RemoveFile(PF_CONF), f"{PF_CONF}, which bsdvirt wrote", unless=Not(FileExists(PF_CONF))
    )
    if not firewall.rules:
        yield Step(Command((tools.PFCTL, "-F", "nat"), ok=(0, 1)), "its rules")
        yield Step(Command((tools.PFCTL, "-d"), ok=(0, 1)), "pf(4) disabled")
    if firewall.at_boot:
        yield _forget("pf_enable")


def _rc_steps(session: Session) -> Iterator[Step]:
    known = read_sysrc(session.host, RCVAR, STATS_RCVAR)
    for variable in (RCVAR, STATS_RCVAR):
        if known.get(variable):
            yield _forget(variable)


def _forget(variable: str) -> Step:
    # It may stand in a file of defaults, where sysrc(8) does not remove it.
    return Step(
        Command((tools.SYSRC, "-x", variable), ok=(0, 1)), f"{variable} removed from rc.conf"
    )


def _file_steps(layouts: Sequence[Layout]) -> Iterator[Step]:
    for layout in layouts[1:]:
        path = pool_file(layout.named)
        yield _remove(path, f"file {path}")
    # The last: without it, nothing of the rest would be found again.
    yield _remove(HOST_FILE, f"host file {HOST_FILE}")
    for path in (NETWORK_DIRECTORY, POOL_DIRECTORY):
        place, _, name = path.rpartition("/")
        yield Step(
            RemoveDirectory(name, place),
            f"directory {path}, if empty",
            unless=Not(FileExists(path)),
        )


def _there(path: str) -> FileExists:
    return FileExists(path)


def _remove(path: str, why: str) -> Step:
    return Step(RemoveFile(path), why, unless=Not(FileExists(path)))


def _notes(firewall: FirewallFacts) -> Iterator[str]:
    if firewall.conf_text != TEXT and firewall.calls:
        lines = "; ".join(anchor_lines())
        yield f"{firewall.conf_name} is yours, and calls bsdvirt's anchors: remove {lines}"
    for variable in GATEWAY.values():
        if firewall.settings.get(variable, "").upper() == "YES":
            yield (
                f"{variable}=YES stays in rc.conf: sysrc -x {variable}, if nothing else of this"
                " host forwards"
            )
    yield f"{LOG_DIRECTORY} is kept: rm -r {LOG_DIRECTORY}, if you do not need it"
