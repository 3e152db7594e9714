"""Numbers in what others wrote: never an exception."""

from __future__ import annotations

from uuid import UUID

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.library.plans.releases import parse_manifest, version_key
from bsdvirt.library.web.https import content_range, head_of
from bsdvirt.spec.digits import natural, uuid_of

STRANGE = ("²", "٣", "9" * 4400, str(2**64), "-1", "+1", "1_0", " 1", "", "0x1", "1.0")


@pytest.mark.parametrize("text", STRANGE)
def test_what_is_no_number(text: str) -> None:
    assert natural(text) is None


def test_numbers() -> None:
    assert [natural(text) for text in ("0", "007", str(2**64 - 1))] == [0, 7, 2**64 - 1]


@pytest.mark.parametrize("count", STRANGE)
def test_a_manifest_with_a_strange_count_is_refused(count: str) -> None:
    with pytest.raises(UsageError, match="not a MANIFEST"):
        parse_manifest(f"base.txz\t{'0' * 64}\t{count}\tbase\tBase\ton\n", "MANIFEST")


@pytest.mark.parametrize("digits", ["9" * 4400, "²"])
def test_a_web_servers_numbers(digits: str) -> None:
    class Response:
        status = 200
        headers = {"Content-Length": digits}  # noqa: RUF012

    assert head_of(Response()).total == 0
    assert content_range(f"bytes {digits}-{digits}/{digits}") is None


def test_a_release_of_a_strange_name() -> None:
    assert version_key("9" * 4400 + ".1") is None
    assert version_key("14.3-RELEASE") == (14, 3)


@pytest.mark.parametrize("data", [b"\0" * 16, b"\xff" * 16, bytes(range(16))])
def test_a_uuid_is_as_the_standard_library_makes_it(data: bytes) -> None:
    assert uuid_of(data) == str(UUID(bytes=data, version=4))
