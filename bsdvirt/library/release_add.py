"""Releases added from a directory, here or on a web server, and provided to new jails."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.layout import Layout
from bsdvirt.library import mirrors, releases
from bsdvirt.library.entries import copies
from bsdvirt.library.files import absolute
from bsdvirt.library.plans import releases as plans
from bsdvirt.plan import events
from bsdvirt.session.prepared import carry_out_one
from bsdvirt.session.session import Session


def add(session: Session, source: str, name: str | None = None, sets: Sequence[str] = ()) -> str:
    """Add the release of a directory with base.txz and MANIFEST; return its name.

    `name` is for a base.txz that does not say its release; `sets` are extracted over it.
    Raises NotFoundError for a missing file, UsageError for a checksum other than in MANIFEST,
    FetchError for a failed download.
    """
    if source.startswith("https://"):
        from bsdvirt.library import release_fetch

        return release_fetch.fetch_directory(session, source, name, sets)
    directory = directory_of(source)
    chosen = _manifest(session, directory, sets)
    archives = [plans.Archive(f"{directory}/{entry.file}", entry.files) for entry in chosen]
    if name is None:
        name = releases.version(session, archives[0].path)
    releases.check_trusted(session, chosen, name, f"{directory}/MANIFEST")
    carry_out_one(session, releases.Install(name, archives, unverified=chosen))
    return name


def directory_of(source: str) -> str:
    """Return the directory that DIR or file:// names. Raises UsageError for another scheme."""
    if "://" not in source:
        return absolute(source)
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{source}: only directories, file:// and https:// are accepted:"
            " other transports can be tampered with",
            "use https://…, or download it yourself and name its directory",
        )
    return unquote(parts.path)


def _manifest(
    session: Session, directory: str, sets: Sequence[str]
) -> tuple[plans.ManifestEntry, ...]:
    path = f"{directory}/MANIFEST"
    try:
        text = session.host.fs.read_text(path)
    except OSError as error:
        raise NotFoundError(
            f"{path}: {error.strerror}", "name a directory with base.txz and MANIFEST"
        ) from error
    chosen = mirrors.choose(plans.parse_manifest(text, path), sets, path)
    for entry in chosen:
        if not session.host.fs.is_file(f"{directory}/{entry.file}"):
            raise NotFoundError(
                f"{directory}/{entry.file} does not exist", "put it in the directory of MANIFEST"
            )
    return chosen


def provide(
    session: Session, wanted: str, *, fetch: bool = True, pool: Layout | None = None
) -> str:
    """Add a release for a jail to a pool (default: the first) that lacks it: from another pool,
    from the files that bsdinstall(8) left on this host, or, with `fetch`, from a mirror. Return
    where it came from; empty if nothing was added."""
    found = session.inventory(shallow=True)
    target = pool or found.layout
    there = copies(found, "release").get(wanted, [])
    if any(copy.pool == target and copy.complete for copy in there):
        return ""
    came = "" if there else _obtain(session, wanted, fetch=fetch)
    if target == found.layout and not there:
        return came
    copied = releases.copy_to(session, wanted, target)
    return ", then copied from ".join(text for text in (came, copied) if text)


def _obtain(session: Session, wanted: str, *, fetch: bool) -> str:
    """Add a release to the first pool; return where it came from."""
    here = plans.DIST_DIRECTORY
    files = (f"{here}/MANIFEST", f"{here}/base.txz")
    if all(map(session.host.fs.is_file, files)) and releases.version(session, files[1]) == wanted:
        add(session, here)
        return here
    if not fetch or not mirrors.may_be_fetched(wanted):
        return ""
    # Imported for downloads only: most jails are created from a release on this host.
    from bsdvirt.library import release_fetch
    from bsdvirt.library.web.download import reachable

    if not reachable(session):
        return ""
    about = ("", release_fetch.VERB, wanted)
    session.sink(events.Told(*about, "not on this host yet: downloading it"))
    try:
        release_fetch.fetch(session, wanted)
    except ConflictError:
        # Another command has added it meanwhile.
        if not releases.exists(session.inventory(), wanted):
            raise
    return "the mirrors"
