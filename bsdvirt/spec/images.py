"""Images: profiles of images to fetch, and what is stored about an image."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from bsdvirt.spec.base import LINE, BadValueError, Live, Spec, prop
from bsdvirt.spec.cloud import System, UserName
from bsdvirt.spec.types import HttpsUrl, Patterned

PROPERTY = "bsdvirt:image"
"""The ZFS property with what is stored about an image."""
Loader = Literal["uefi", "bhyveload"]


class Checksum(Patterned):
    """SHA-256 or SHA-512 in hexadecimal, by its length."""

    words = "a checksum"
    pattern = "([0-9a-f]{64}|[0-9a-f]{128})"
    longest = 128
    rule = "it is the 64 digits of a SHA-256, or the 128 of a SHA-512"


class FilePath(Patterned):
    """A path below a mirror."""

    words = "a path on a mirror"
    pattern = r"[A-Za-z0-9](?!.*(//|/\.{1,2}(/|$)))[A-Za-z0-9._~%+/-]*[A-Za-z0-9]"
    longest = 500
    rule = "it is as releases/VM-IMAGES/…, without a slash at either end"


class FileName(Patterned):
    """A file in the same directory as another one."""

    words = "a file's name"
    pattern = "[A-Za-z0-9][A-Za-z0-9._~%+-]{0,200}"
    longest = 201
    rule = "it is letters, digits, ., _, + and -"


class ImageProfile(Spec, frozen=True, kw_only=True):
    """An image that can be fetched."""

    description: Annotated[
        str, prop("Description.", max_length=200, pattern=LINE, live=Live.NOW)
    ] = ""
    url: Annotated[HttpsUrl | None, prop("URL of the file, https only.", live=Live.NOW)] = None
    path: Annotated[
        FilePath | None,
        prop(
            "Path of the file below the host file's `fetch.mirrors`, instead of url.", live=Live.NOW
        ),
    ] = None
    checksum: Annotated[
        Checksum | None,
        prop("SHA-256 or SHA-512 of the file.", live=Live.NOW),
    ] = None
    checksums: Annotated[
        FileName | None,
        prop(
            "List of checksums in the same directory, such as CHECKSUM.SHA512 or SHA256SUMS.",
            live=Live.NOW,
        ),
    ] = None
    arch: Annotated[
        Literal["amd64", "arm64"],
        prop("Architecture, as in hw.machine.", live=Live.NOW),
    ] = "amd64"
    loader: Annotated[Loader, prop("Boot loader that it needs.", live=Live.NOW)] = "uefi"
    system: Annotated[System, prop("Operating system.", live=Live.NOW)] = "other"
    user: Annotated[UserName | None, prop("User that it expects.", live=Live.NOW)] = None
    cloud_init: Annotated[bool, prop("Whether cloud-init runs in it.", live=Live.NOW)] = False

    def __post_init__(self) -> None:
        if (self.url is None) == (self.path is None):
            raise BadValueError("either a url or a path is needed", at="url")
        if (self.checksum is None) == (self.checksums is None):
            raise BadValueError(
                "either a checksum or checksums is needed", at="checksums",
                hint="set one of the two: a download is always verified",
            )  # fmt: skip

    @property
    def file(self) -> str:
        """The file's own name."""
        return str(self.url or self.path).rpartition("/")[2]

    def places(self, mirrors: list[HttpsUrl]) -> list[str]:
        """Return the URLs of the file, in the order to try."""
        if self.url is not None:
            return [str(self.url)]
        return [f"{mirror}/{self.path}" for mirror in mirrors]


class Image(Spec, frozen=True, kw_only=True):
    """What is stored about an image, as the value of bsdvirt:image."""

    source: str = ""
    """The file it was imported from, or its URL."""
    checksum: str = ""
    """SHA-256 or SHA-512 of that file."""
    format: str = ""
    """Such as raw, raw.xz or qcow2."""
    created: str = ""
    """When it was imported, as 2026-11-21T10:30:00Z."""
    profile: str = ""
    loader: Loader | None = None
    system: System = "other"
    user: str = ""
    cloud_init: bool = False
    v: int = 1


_BSD = re.compile(r"(?:SHA256|SHA512) \(([^)]+)\) = ([0-9a-f]{64}|[0-9a-f]{128})", re.IGNORECASE)
_GNU = re.compile(r"([0-9a-f]{64}|[0-9a-f]{128})[ \t][ *]?(?:\./)?(\S+)", re.IGNORECASE)


def listed_checksum(text: str, file: str) -> str | None:
    """Return the checksum of a file in a list of checksums: of sha512(1) and sha256(1), `SHA512
    (f) = …`, or of sha512sum(1), `… *f`. The longest one if there are several."""
    found: list[str] = []
    for line in text.splitlines():
        if match := _BSD.fullmatch(line.strip()):
            name, digest = match[1], match[2]
        elif match := _GNU.fullmatch(line.strip()):
            digest, name = match[1], match[2]
        else:
            continue
        if name == file:
            found.append(digest.lower())
    return max(found, key=len, default=None)
