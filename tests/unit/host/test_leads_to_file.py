"""A path as a guest sees it: its links lead nowhere out of its root."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsdvirt.host.fs import Fs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("")
    inside = tmp_path / "root"
    (inside / "usr/bin").mkdir(parents=True)
    (inside / "usr/bin/sh").write_text("")
    return inside


@pytest.mark.parametrize(
    ("link", "to", "path", "there"),
    [
        ("bin", "usr/bin", "/bin/sh", True),
        ("bin", "/usr/bin", "/bin/sh", True),
        ("sh", "usr/./bin/../bin/sh", "/sh", True),
        ("sh", "/../../usr/bin/sh", "/sh", True),
        ("sh", "../secret", "/sh", False),
        ("sh", "/secret", "/sh", False),
        ("sh", "sh", "/sh", False),
        ("sh", "usr/bin", "/sh", False),
        ("sh", "nosuch", "/sh", False),
        ("usr/bin/deep", "../../../../../usr/bin/sh", "/usr/bin/deep", True),
    ],
)
def test_links(root: Path, link: str, to: str, path: str, there: bool) -> None:
    (root / link).symlink_to(to)
    assert Fs(root.parent).leads_to_file("/root", path) is there


def test_what_is_no_file(root: Path) -> None:
    fs = Fs(root.parent)
    assert not fs.leads_to_file("/root", "/usr/bin")
    assert not fs.leads_to_file("/root", "/usr/bin/sh/x")
    assert not fs.leads_to_file("/nosuch", "/usr/bin/sh")
