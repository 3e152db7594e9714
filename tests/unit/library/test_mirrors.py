"""Where releases are to be had."""

from __future__ import annotations

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.library import mirrors
from bsdvirt.library.mirrors import Platform
from bsdvirt.library.plans.releases import ManifestEntry
from bsdvirt.library.web.download import MAX_WAIT_SECONDS, wait_before
from bsdvirt.library.web.https import content_range

AMD64 = Platform("amd64", "amd64")
MIRROR, ARCHIVE = "https://m.org/pub/FreeBSD", "https://a.org"


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("14.3", "14.3-RELEASE"),
        ("13.2-RELEASE-p4", "13.2-RELEASE"),
        ("15.0-RC2", "15.0-RC2"),
        ("16.0-CURRENT", "16.0-CURRENT"),
    ],
)
def test_names(word: str, name: str) -> None:
    assert mirrors.release_name(word) == name


@pytest.mark.parametrize("word", ["", "web", "14", "14.3-RELEASE/..", "14.3-FOO", "14.3\n"])
def test_no_names(word: str) -> None:
    with pytest.raises(UsageError):
        mirrors.release_name(word)


def test_mirrors_come_before_archives() -> None:
    assert mirrors.places("13.2-RELEASE", AMD64, [MIRROR], [ARCHIVE]) == (
        "https://m.org/pub/FreeBSD/releases/amd64/amd64/13.2-RELEASE",
        "https://m.org/pub/FreeBSD/releases/amd64/13.2-RELEASE",
        "https://a.org/old-releases/amd64/amd64/13.2-RELEASE",
        "https://a.org/old-releases/amd64/13.2-RELEASE",
    )


def test_another_platform_and_snapshots() -> None:
    arm = Platform("arm64", "aarch64")
    assert mirrors.places("15.0-STABLE", arm, [MIRROR], [ARCHIVE]) == (
        "https://m.org/pub/FreeBSD/snapshots/arm64/aarch64/15.0-STABLE",
        "https://m.org/pub/FreeBSD/snapshots/arm64/15.0-STABLE",
    )
    assert mirrors.trusted_manifest("14.3-RELEASE", arm).endswith("/arm64-aarch64-14.3-RELEASE")


def test_what_may_be_fetched() -> None:
    assert mirrors.may_be_fetched("14.3-RELEASE")
    assert not mirrors.may_be_fetched("15.0-STABLE")
    assert not mirrors.may_be_fetched("mine")


def test_a_listing() -> None:
    page = (
        '<a href="../">..</a><a href="14.3-RELEASE/">14.3-RELEASE/</a>'
        '<a href=\'x\'>x</a><A HREF="/pub/releases/13.5-RELEASE/">y</A><a href="ISO-IMAGES/">z'
    )
    assert mirrors.listed(page) == {"14.3-RELEASE", "13.5-RELEASE"}


def test_the_nearest_releases() -> None:
    there = [f"{major}.{minor}-RELEASE" for major in (12, 13, 14) for minor in range(6)]
    near = mirrors.nearest("13.9-RELEASE", there)
    assert near[-1].startswith("1")
    assert {f"13.{minor}-RELEASE" for minor in range(6)} <= set(near)
    assert len(near) == mirrors.MOST_NAMED


def entry(file: str, letter: str = "a") -> ManifestEntry:
    return ManifestEntry(file, letter * 64, 1)


def test_sets() -> None:
    assert mirrors.parse_sets(["src, lib32", "base,src.txz"]) == ("src", "lib32")
    entries = {one.file: one for one in (entry("base.txz"), entry("src.txz"))}
    assert [e.file for e in mirrors.choose(entries, ["src"], "M")] == ["base.txz", "src.txz"]
    with pytest.raises(UsageError, match="does not list the set lib32"):
        mirrors.choose(entries, ["lib32"], "M")
    for word in ("", "a/b", "..", "src,,lib32"):
        with pytest.raises(UsageError):
            mirrors.parse_sets([word])


def test_manifests_that_disagree() -> None:
    trusted = {"base.txz": entry("base.txz", "b")}
    assert mirrors.differs([entry("src.txz")], trusted) is None
    assert mirrors.differs([entry("base.txz", "b")], trusted) is None
    assert mirrors.differs([entry("base.txz")], trusted) == entry("base.txz")


def test_ranges() -> None:
    assert content_range("bytes 100-199/200") == (100, 200)
    assert content_range("bytes 100-199/*") == (100, None)
    assert content_range("bytes */200") is None


def test_waits_grow_to_an_end() -> None:
    waits = [wait_before(turn) for turn in range(50)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, MAX_WAIT_SECONDS)


@pytest.mark.parametrize(
    "url", ["http://x.org/a", "https://", "https://u:p@x.org/a", "https://x.org/a?b", "ftp://x/a"]
)
def test_urls_that_are_not_taken(url: str) -> None:
    with pytest.raises(UsageError):
        mirrors.https_only(url)
