"""Where releases are to be had: mirrors, the archive, and what stands there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bsdvirt.errors import UsageError
from bsdvirt.library.plans.releases import ManifestEntry, host_release, version_key

MANIFESTS = "/usr/local/share/freebsd/MANIFESTS"
"""Where the package freebsd-release-manifests keeps the MANIFEST of each release."""
BASE = "base"
_RELEASE = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?-(RELEASE|RC\d{1,2}|BETA\d{1,2})")
_SNAPSHOT = re.compile(r"\d{1,3}\.\d{1,3}-(ALPHA\d{0,2}|CURRENT|STABLE|PRERELEASE)")
_BARE = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?")
_SET = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,60}")
_LINK = re.compile(r'href="(?:[^"]*/)?([^"/]+)/?"', re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.IGNORECASE | re.ASCII)
MOST_NAMED = 8
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Platform:
    """What a host runs: hw.machine and hw.machine_arch, such as arm64 and aarch64."""

    machine: str
    arch: str


def release_name(word: str) -> str:
    """14.3 as 14.3-RELEASE, and 13.2-RELEASE-p4 without its patch level: sets are made
    once for a release. Raises UsageError for what is no name of a release."""
    name = f"{word}-RELEASE" if _BARE.fullmatch(word) else host_release(word)
    if not (_RELEASE.fullmatch(name) or _SNAPSHOT.fullmatch(name)):
        raise UsageError(f"{word!r} is no release of FreeBSD", "such as 14.3-RELEASE")
    return name


def may_be_fetched(name: str) -> bool:
    """Whether a release of that name may stand on a mirror, and stays as it is there."""
    return _RELEASE.fullmatch(name) is not None


def directories(platform: Platform) -> tuple[str, ...]:
    """A platform's directories beneath releases/. The first is bsdinstall(8)'s way; many
    mirrors have the short one too, and some only that."""
    return (f"{platform.machine}/{platform.arch}", platform.machine)


def places(
    name: str, platform: Platform, mirrors: Sequence[str], archives: Sequence[str]
) -> tuple[str, ...]:
    """The directories that may hold a release, in the order to ask: what is supported
    stands on the mirrors, what is past its end in the archive."""
    kind = "snapshots" if _SNAPSHOT.fullmatch(name) else "releases"
    tops = [f"{mirror}/{kind}" for mirror in mirrors]
    if kind == "releases":
        tops += [f"{archive}/old-releases" for archive in archives]
    return tuple(f"{top}/{below}/{name}" for top in tops for below in directories(platform))


def indexes(platform: Platform, mirrors: Sequence[str], archives: Sequence[str]) -> tuple[str, ...]:
    """The directories whose listings name the releases there."""
    below = directories(platform)[0]
    return (
        *(f"{mirror}/releases/{below}/" for mirror in mirrors),
        *(f"{archive}/old-releases/{below}/" for archive in archives),
    )


def listed(page: str) -> set[str]:
    """The releases that a web server's listing of a directory links to."""
    return {name for name in _LINK.findall(page) if _RELEASE.fullmatch(name)}


def nearest(name: str, there: Iterable[str]) -> list[str]:
    """Of the releases that there are, those next to the one that was asked for, in order."""

    def key(release: str) -> tuple[int, int]:
        return version_key(release) or (0, 0)

    def far(release: str) -> tuple[int, int]:
        return (abs(key(release)[0] - key(name)[0]), abs(key(release)[1] - key(name)[1]))

    chosen = sorted(set(there), key=lambda release: (far(release), release))[:MOST_NAMED]
    return sorted(chosen, key=lambda release: (key(release), release))


def trusted_manifest(name: str, platform: Platform) -> str:
    """The path of a release's MANIFEST in the package freebsd-release-manifests."""
    return f"{MANIFESTS}/{platform.machine}-{platform.arch}-{name}"


def differs(
    chosen: Iterable[ManifestEntry], trusted: dict[str, ManifestEntry]
) -> ManifestEntry | None:
    """The first of the sets that the trusted MANIFEST knows under another checksum."""
    for entry in chosen:
        known = trusted.get(entry.file)
        if known is not None and known.sha256 != entry.sha256:
            return entry
    return None


def parse_sets(words: Iterable[str]) -> tuple[str, ...]:
    """`base-dbg,lib32` as names, each once; `.txz` may be said. Raises UsageError."""
    names: list[str] = []
    for word in (part.strip().removesuffix(".txz") for text in words for part in text.split(",")):
        if not _SET.fullmatch(word):
            raise UsageError(f"{word!r} is no distribution set", "such as base-dbg,lib32,src")
        if word != BASE and word not in names:
            names.append(word)
    return tuple(names)


def choose(
    entries: dict[str, ManifestEntry], sets: Sequence[str], source: str
) -> tuple[ManifestEntry, ...]:
    """base.txz, then the sets asked for. Raises UsageError for one that is not listed."""
    if f"{BASE}.txz" not in entries:
        raise UsageError(f"{source} does not list base.txz", "take the MANIFEST of the release")
    for name in sets:
        if f"{name}.txz" not in entries:
            others = sorted(file.removesuffix(".txz") for file in entries)
            there = ", ".join(other for other in others if other != BASE) or "base only"
            raise UsageError(f"{source} lists no set {name}", f"there is {there}")
    return tuple(entries[f"{name}.txz"] for name in (BASE, *sets))


def kept_name(entry: ManifestEntry) -> str:
    """A set's file where it is kept: named by its content, so that a set that was changed
    on the mirror is another file, and a part of the old one is never gone on with."""
    return f"{entry.sha256[:16]}-{entry.file}"


def content_range(header: str) -> tuple[int, int | None] | None:
    """`bytes 100-199/200` as where it begins and how long the whole is."""
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def wait_before(turn: int) -> float:
    """Seconds to wait before the next turn: longer each time."""
    return min(LONGEST_WAIT, 0.5 * 2.0 ** min(turn, 10))


def amount(number: int) -> str:
    """Bytes for people."""
    return f"{number / 1_000_000:.0f} MB" if number >= 10_000_000 else f"{number} bytes"


def https_only(url: str) -> str:
    """The URL of a directory, without the slash at its end. Raises UsageError."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise UsageError(
            f"{url}: only https:// is fetched: anybody on the way may change what comes by another",
            "https://…, or fetch it yourself and name its directory",
        )
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise UsageError(f"{url} is no plain URL of a directory", "https://HOST/DIRECTORY")
    return url.removesuffix("/MANIFEST").rstrip("/")
