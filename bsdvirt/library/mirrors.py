"""Releases on mirrors: names, directories, listings, distribution sets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.library.plans.releases import ManifestEntry, host_release, version_key

MANIFESTS = "/usr/local/share/freebsd/MANIFESTS"
"""The MANIFESTs installed by the package freebsd-release-manifests."""
BASE = "base"
Origin = Literal["sets", "pkgbase"]
"""What a release is fetched as: distribution sets, or packages of the base system."""
SETS: Origin = "sets"
_RELEASE = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?-(RELEASE|RC\d{1,2}|BETA\d{1,2})")
_SNAPSHOT = re.compile(r"\d{1,3}\.\d{1,3}-(ALPHA\d{0,2}|CURRENT|STABLE|PRERELEASE)")
_BARE = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?")
_SET = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,60}")
_LINK = re.compile(r'href="(?:[^"]*/)?([^"/]+)/?"', re.IGNORECASE)
MOST_NAMED = 8


class Platform(Struct, frozen=True):
    """hw.machine and hw.machine_arch, such as arm64 and aarch64."""

    machine: str
    arch: str


def release_name(word: str) -> str:
    """Return 14.3-RELEASE for 14.3, and 13.2-RELEASE for 13.2-RELEASE-p4: the sets are built once
    for a release. Raises UsageError for anything but a release."""
    name = f"{word}-RELEASE" if _BARE.fullmatch(word) else host_release(word)
    if not (_RELEASE.fullmatch(name) or _SNAPSHOT.fullmatch(name)):
        raise UsageError(f"{word!r} is not a FreeBSD release", "such as 14.3-RELEASE")
    return name


def may_be_fetched(name: str) -> bool:
    """Return whether mirrors may have a release of that name, which then never changes."""
    return _RELEASE.fullmatch(name) is not None


def directories(platform: Platform) -> tuple[str, ...]:
    """Return a platform's directories beneath releases/: first bsdinstall(8)'s, then the short one,
    which some mirrors have instead."""
    return (f"{platform.machine}/{platform.arch}", platform.machine)


def places(
    name: str, platform: Platform, mirrors: Sequence[str], archives: Sequence[str]
) -> tuple[str, ...]:
    """Return the URLs of the directories that may hold a release, in the order to try: supported
    releases are on the mirrors, older ones in the archive."""
    kind = "snapshots" if _SNAPSHOT.fullmatch(name) else "releases"
    tops = [f"{mirror}/{kind}" for mirror in mirrors]
    if kind == "releases":
        tops += [f"{archive}/old-releases" for archive in archives]
    return tuple(f"{top}/{below}/{name}" for top in tops for below in directories(platform))


def indexes(platform: Platform, mirrors: Sequence[str], archives: Sequence[str]) -> tuple[str, ...]:
    """Return the URLs of the directories whose listings name the releases."""
    below = directories(platform)[0]
    return (
        *(f"{mirror}/releases/{below}/" for mirror in mirrors),
        *(f"{archive}/old-releases/{below}/" for archive in archives),
    )


def listed(page: str) -> set[str]:
    """Return the releases that a web server's directory listing links to."""
    return {name for name in _LINK.findall(page) if _RELEASE.fullmatch(name)}


def nearest(name: str, there: Iterable[str]) -> list[str]:
    """Return the releases closest to the one asked for, in order."""

    def key(release: str) -> tuple[int, int]:
        return version_key(release) or (0, 0)

    def far(release: str) -> tuple[int, int]:
        return (abs(key(release)[0] - key(name)[0]), abs(key(release)[1] - key(name)[1]))

    chosen = sorted(set(there), key=lambda release: (far(release), release))[:MOST_NAMED]
    return sorted(chosen, key=lambda release: (key(release), release))


def trusted_manifest(name: str, platform: Platform) -> str:
    """Return the path of a release's MANIFEST in the package freebsd-release-manifests."""
    return f"{MANIFESTS}/{platform.machine}-{platform.arch}-{name}"


def differs(
    chosen: Iterable[ManifestEntry], trusted: dict[str, ManifestEntry]
) -> ManifestEntry | None:
    """Return the first set with a different checksum in the trusted MANIFEST."""
    for entry in chosen:
        known = trusted.get(entry.file)
        if known is not None and known.sha256 != entry.sha256:
            return entry
    return None


def parse_sets(words: Iterable[str]) -> tuple[str, ...]:
    """Parse `base-dbg,lib32`, also with `.txz`; each name once. Raises UsageError."""
    names: list[str] = []
    for word in (part.strip().removesuffix(".txz") for text in words for part in text.split(",")):
        if not _SET.fullmatch(word):
            raise UsageError(f"{word!r} is not a distribution set", "such as base-dbg,lib32,src")
        if word != BASE and word not in names:
            names.append(word)
    return tuple(names)


def choose(
    entries: dict[str, ManifestEntry], sets: Sequence[str], source: str
) -> tuple[ManifestEntry, ...]:
    """Return the entries of base.txz and of the sets. Raises UsageError for one not listed."""
    if f"{BASE}.txz" not in entries:
        raise UsageError(f"{source} does not list base.txz", "take the MANIFEST of the release")
    for name in sets:
        if f"{name}.txz" not in entries:
            others = sorted(file.removesuffix(".txz") for file in entries)
            there = ", ".join(other for other in others if other != BASE) or "base only"
            raise UsageError(f"{source} does not list the set {name}", f"available: {there}")
    return tuple(entries[f"{name}.txz"] for name in (BASE, *sets))


def https_only(url: str) -> str:
    """Return the URL of a directory without a trailing slash. Raises UsageError."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise UsageError(
            f"{url}: only https:// URLs are downloaded: other transports can be tampered with",
            "use https://…, or download it yourself and name its directory",
        )
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise UsageError(f"{url} is not a plain URL of a directory", "https://HOST/DIRECTORY")
    return url.removesuffix("/MANIFEST").rstrip("/")
