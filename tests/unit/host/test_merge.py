"""Three-way merge of a jail's root with a newer release."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bsdvirt.errors import HostError
from bsdvirt.host.merge import apply
from bsdvirt.host.merge.accounts import merge_accounts
from bsdvirt.host.merge.text import merge_text
from bsdvirt.host.merge.trees import Choice, Decisions, compare

BASE = b"a\nb\nc\nd\ne\nf\ng\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "merged", "conflicts"),
    [
        (BASE, b"A\nb\nc\nd\ne\nf\ng\n", b"A\nb\nc\nd\ne\nf\ng\n", ()),
        (b"a\nb\nc\nd\ne\nf\nG\n", b"A\nb\nc\nd\ne\nf\ng\n", b"A\nb\nc\nd\ne\nf\nG\n", ()),
        (b"a\nx\nc\nd\ne\nf\ng\n", b"a\ny\nc\nd\ne\nf\ng\n", b"a\nx\nc\nd\ne\nf\ng\n", (2,)),
        (b"a\nc\nd\ne\nf\ng\nh\n", b"0\n" + BASE, b"0\na\nc\nd\ne\nf\ng\nh\n", ()),
        (b"a\nx\nc\nd\ne\nf\ng\n", b"a\nx\nc\nd\nE\nf\ng\n", b"a\nx\nc\nd\nE\nf\ng\n", ()),
        (b"", BASE, b"", ()),
    ],
)
def test_texts(mine: bytes, theirs: bytes, merged: bytes, conflicts: tuple[int, ...]) -> None:
    found = merge_text(BASE, mine, theirs)
    assert found is not None
    assert (found.text, found.conflicts) == (merged, conflicts)


def test_what_is_no_text_or_takes_too_long_is_not_merged() -> None:
    assert merge_text(BASE, b"\0", BASE) is None
    assert merge_text(b"#\n" * 400, b"#\n" * 400, BASE) is None


def test_accounts() -> None:
    base = b"# $FreeBSD$\nroot::0:0::0:0:Charlie &:/root:/bin/csh\ntoor:*:0:0::0:0::/root:\n"
    mine = (
        b"# $FreeBSD$\nroot:$6$x:0:0::0:0:Charlie &:/root:/bin/csh\n"
        b"alice:$6$y:1001:1001::0:0:Alice:/home/alice:/bin/sh\n+:::::::::\n"
    )
    theirs = (
        b"root::0:0::0:0:Charlie &:/root:/bin/sh\ntoor:*:0:0::0:0::/root:\n"
        b"ntpd:*:123:123::0:0:NTP:/var/db/ntp:/usr/sbin/nologin\n"
    )
    assert merge_accounts(base, mine, theirs) == (
        b"# $FreeBSD$\nroot:$6$x:0:0::0:0:Charlie &:/root:/bin/sh\n"
        b"alice:$6$y:1001:1001::0:0:Alice:/home/alice:/bin/sh\n"
        b"ntpd:*:123:123::0:0:NTP:/var/db/ntp:/usr/sbin/nologin\n+:::::::::\n"
    )


# ---- roots ----


RELEASE = {
    "bin/sh": "1", "bin/ls": "1", "etc/rc.conf.sample": "x\n", "etc/gone": "1",
    "etc/ssh/sshd_config": "a\nb\nc\nd\n",
    "etc/hosts": "localhost\n", "usr/local/": "", "var/log/messages": "",
    "home/": "", "etc/login.conf": "1", "etc/login.conf.db": "1",
}  # fmt: skip
NEWER = RELEASE | {
    "bin/sh": "2", "bin/new": "2", "etc/rc.conf.sample": "y\n",
    "etc/ssh/sshd_config": "a\nb\nc\nd\ne\n",
    "etc/login.conf.db": "2",
}  # fmt: skip
del NEWER["etc/gone"]


def _tree(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = top / name
        if name.endswith("/"):
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return top


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path, Path]:
    base, mine = _tree(tmp_path / "base", RELEASE), _tree(tmp_path / "mine", RELEASE)
    return base, mine, _tree(tmp_path / "new", NEWER)


def _decide(roots: tuple[Path, Path, Path], choice: Choice = "") -> Decisions:
    return compare(*roots, choice)


def test_what_a_jail_did_not_change_is_the_release_s(roots: tuple[Path, Path, Path]) -> None:
    assert _decide(roots) == Decisions()


def test_what_a_jail_has_of_its_own_is_carried(roots: tuple[Path, Path, Path]) -> None:
    _, mine, _ = roots
    _tree(mine / "usr/local", {"bin/nginx": "n", "etc/nginx.conf": "n"})
    _tree(mine, {"etc/rc.conf": "sshd_enable=YES\n", "data/deep/file": "d"})
    (mine / "var/log/messages").write_text("booted\n")
    (mine / "etc/login.conf").write_text("mine")
    (mine / "etc/login.conf.db").write_text("mine")
    (mine / "etc/gone").write_text("kept")
    (mine / "etc/hosts").unlink()
    (mine / "bin/ls").write_text("patched")
    (mine / "bin/sh").write_text("patched")
    (mine / "etc/ssh/sshd_config").write_text("A\nb\nc\nd\n")
    found = _decide(roots)
    assert set(found.carry) == {
        "usr/local/bin", "usr/local/etc", "etc/rc.conf", "data", "var/log/messages", "etc/gone",
        "bin/ls", "etc/login.conf", "etc/login.conf.db",
    }  # fmt: skip
    assert set(found.remove) == {"etc/hosts", "bin/ls", "var/log/messages", "etc/login.conf"}
    assert found.merge == {"etc/ssh/sshd_config": b"A\nb\nc\nd\ne\n"}
    assert found.replaced == ["bin/sh"]
    assert not found.conflicts


def test_conflicts_are_named_until_they_are_decided(roots: tuple[Path, Path, Path]) -> None:
    _, mine, new = roots
    (mine / "etc/rc.conf.sample").write_text("mine\n")
    _tree(mine, {"bin/new": "other", "etc/added": "mine"})
    _tree(new, {"etc/added": "theirs"})
    found = _decide(roots)
    assert found.conflicts == {
        "etc/rc.conf.sample": "changed by both at line 1", "etc/added": "added by both",
    }  # fmt: skip
    assert found.replaced == ["bin/new"]
    ours, theirs = _decide(roots, "ours"), _decide(roots, "theirs")
    assert not ours.conflicts
    assert not theirs.conflicts
    assert ours.merge["etc/rc.conf.sample"] == b"mine\n"
    assert theirs.merge["etc/rc.conf.sample"] == b"y\n"
    assert "etc/added" in ours.carry
    assert "etc/added" in theirs.replaced


def test_links_lead_nowhere(roots: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """A jail that puts links in place of directories reads and writes nothing of the host."""
    _, mine, _ = roots
    secret = _tree(tmp_path / "host", {"sshd_config": "secret\n", "rc.conf": "secret\n"})
    for name in ("etc/ssh", "home"):
        for file in (mine / name).glob("*"):
            file.unlink()
        (mine / name).rmdir()
        os.symlink(secret, mine / name)
    found = _decide(roots)
    assert found.conflicts == {"etc/ssh": "changed by both"}
    assert found.carry == ["home"]
    assert found.remove == ["home"]
    assert "secret" not in repr(found)


def test_decisions_are_carried_out_if_nothing_has_changed(
    roots: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    base, mine, new = roots
    work = tmp_path / "work"
    work.mkdir()
    (mine / "etc/hosts").unlink()
    (mine / "etc/ssh/sshd_config").write_text("A\nb\nc\nd\n")
    (mine / "etc/ssh").chmod(0o700)
    _tree(mine, {"etc/rc.conf": "x"})
    digest = _decide(roots).digest
    with pytest.raises(HostError, match="has changed"):
        apply.apply(base, mine, new, work, "", "other", lambda: None)
    apply.apply(base, mine, new, work, "", digest, lambda: None)
    assert not (new / "etc/hosts").exists()
    assert (new / "etc/ssh/sshd_config").read_text() == "A\nb\nc\nd\ne\n"
    assert (new / "etc/ssh").stat().st_mode & 0o777 == 0o700
    assert (work / apply.LIST).read_bytes() == b"./etc/rc.conf\0"
