"""The generated release."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from bsdvirt_sim.tools.distribution import make_release


def test_it_is_the_same_each_time_and_its_manifest_fits(tmp_path: Path) -> None:
    one = make_release(tmp_path / "one", "14.1-RELEASE")
    two = make_release(tmp_path / "two", "14.1-RELEASE")
    data = (one / "base.txz").read_bytes()
    assert data == (two / "base.txz").read_bytes()
    name, digest, count, short, description, default = (
        (one / "MANIFEST").read_text().rstrip("\n").split("\t")
    )
    assert (name, short, default) == ("base.txz", "base", "on")
    assert description == '"Base system (MANDATORY)"'
    assert digest == hashlib.sha256(data).hexdigest()
    with tarfile.open(one / "base.txz") as archive:
        names = archive.getnames()
        version = archive.extractfile("./bin/freebsd-version")
        assert version is not None
        assert b'USERLAND_VERSION="14.1-RELEASE"' in version.read()
    assert len(names) == int(count)
    assert "./etc/resolv.conf" not in names
