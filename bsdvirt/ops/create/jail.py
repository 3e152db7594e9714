"""Create jails: what is particular to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from bsdvirt.errors import NotFoundError
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.jls import JailFact, read_jails
from bsdvirt.guest.inventory import Guest
from bsdvirt.jail import settings
from bsdvirt.jail.create import plan_create
from bsdvirt.jail.datasets import check_storage
from bsdvirt.jail.facts.datasets import read_storage_facts
from bsdvirt.jail.facts.settings import read_own
from bsdvirt.jail.facts.start import read_answering, read_resolver
from bsdvirt.jail.mounted import overlapping, refuse_jail
from bsdvirt.jail.root import FROM_RELEASE, Origin, check_root, check_settings, rooted
from bsdvirt.jail.settings import check_kernel, resolver_of
from bsdvirt.jail.stack import check_host, shared_claims, without_address
from bsdvirt.library.levels import newest
from bsdvirt.library.plans.releases import refuse_newer
from bsdvirt.ops.create.guests import Around, made
from bsdvirt.ops.network import macs
from bsdvirt.ops.power import hooks
from bsdvirt.plan.step import Plan
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.jail import Jail


class JailOrder(Struct, frozen=True):
    """What jails are made of: for each name the same."""

    spec: Jail
    thick: bool = False
    origin: Origin = FROM_RELEASE
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Notes on each."""

    @property
    def releases(self) -> tuple[str, ...]:
        """The release that their roots are made of, if any."""
        return (self.spec.release,) if self.origin.kind == "release" else ()

    def read(self, name: str, boot: Boot, around: Around) -> JailMaker:
        """Raises NotFoundError for a release that does not exist, and as the checks of a start
        do."""
        del name, boot
        self._check(around)
        session, home = around.session, around.home
        snapshot = self._snapshot(around)
        root = home.release_directory(self.spec.release) if self.releases else None
        resolv = read_resolver(session.host)[0]
        return JailMaker(
            self,
            around,
            root,
            read_own(session.host.fs, root, self.spec) if root else None,
            snapshot,
            _size(session, snapshot) if self.thick else 0,
            read_jails(session.host) if self.origin.adopted else {},
            resolv,
            read_answering(session.host, resolv),
        )

    def _snapshot(self, around: Around) -> str:
        """Return the snapshot of the release that roots are made of; empty if there is none yet."""
        dataset = around.home.release(self.spec.release)
        there = {one.name for one in around.found.releases(around.home)}
        if not self.releases or dataset not in there:
            return ""
        return newest(around.session.host, dataset).snapshot

    def _check(self, around: Around) -> None:
        jail, host = self.spec, around.session.host
        there = {one.name.rpartition("/")[2] for one in around.found.releases(around.home)}
        if self.releases and jail.release not in there and not around.coming:
            known = ", ".join(sorted(there)) or "none"
            raise NotFoundError(
                f"no release {jail.release}; available: {known}",
                _how_to_get(str(jail.release), there),
            )
        kernel = read_kernel(host, params=True) if jail.params else around.session.kernel
        for release in self.releases:
            refuse_newer(release, kernel.release)
        check_kernel("cpuset", jail, kernel)
        if aliases := shared_claims(jail):
            check_host("create", aliases, read_interfaces(host))


class JailMaker(Struct, frozen=True):
    """Plans the creation of jails."""

    order: JailOrder
    around: Around
    root: str | None
    """The root of the release that theirs are copies of, if any."""
    own: settings.OwnFacts | None
    """The settings in that root."""
    snapshot: str
    """The snapshot of the release that the roots are made of; empty for its first."""
    size: int
    """Bytes that a full copy moves."""
    jails: Mapping[str, JailFact]
    """The running jails, for a root that is a directory of the user's."""
    resolv: str
    """The host's resolv.conf."""
    answering: frozenset[str]

    def claim(self, guest: Guest, known: Sequence[Guest]) -> Identity:
        """Raises for a root or datasets that the guest cannot have."""
        jail, origin, identity = self.order.spec, self.order.origin, guest.identity
        host = self.around.session.host
        if origin.adopted:
            check_root(origin.path, known, self.around.session.pools.layouts)
            for other in overlapping(origin.path, self.jails.values()):
                refuse_jail(origin.path, other)
            check_settings(jail)
            identity = rooted(identity, origin)
        if jail.datasets:
            made = Guest(guest.name, guest.layout, identity)
            check_storage(made, jail, read_storage_facts(host, made, jail))
        return identity

    def plan(self, guest: Guest, op: str) -> Plan:
        """Plan a creation: the root, its own settings, then the hooks."""
        jail, order = self.order.spec, self.order
        first = settings.steps(guest, jail, self.own) if self.own is not None else []
        created = hooks.steps(self.around.session, "created", jail.hooks.created, guest)
        return plan_create(
            guest.name, jail, guest.identity, guest.layout, op,
            thick=order.thick, size=self.size, snapshot=self.snapshot,
            origin=order.origin, hooks=(*first, *created),
        )  # fmt: skip

    def contents(self) -> str | None:
        """Return the root of the release."""
        return self.root

    def words(self, guest: Guest) -> tuple[str, tuple[str, ...]]:
        """Note what the jail lacks, unless it is started: the start says it."""
        jail, networks, start = self.order.spec, self.around.networks, self.around.start
        lines = self.order.notes + macs.notes(self.around.session, guest.name, jail)
        lines += without_address(guest.name, jail, guest.identity, networks)
        lines += settings.notes(jail, self.own) if self.own is not None and not start else ()
        why, remedy = resolver_of(guest, jail, networks, self.resolv, self.answering)[1:]
        lines += (f"{why} ({remedy})",) if why and not start else ()
        origin = self.order.origin.words or f"from {jail.release}"
        return made(origin, guest.identity), lines


def _size(session: Session, snapshot: str) -> int:
    # Imported here: most roots are clones.
    from bsdvirt.library.entries import stream_size

    return stream_size(session, snapshot)


def _how_to_get(release: str, known: Iterable[str]) -> str:
    """Return the hint for a release that does not exist."""
    if near := sorted(one for one in known if one.startswith(f"{release}-")):
        return f"did you mean --release {near[-1]}?"
    return (
        f"bsdvirt release fetch {release}, or bsdvirt release add DIR with its base.txz and"
        " MANIFEST"
    )
