"""The manual says what the declarations say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from bsdvirt.spec import manual
from bsdvirt.spec.schema import Which
from bsdvirt.tui import keysmanual

MAN = Path(__file__).resolve().parents[3] / "man"
NEEDED = "BSDVIRT_NEEDS_MANDOC"
"""Set by the gate, where its absence is a failure."""
OF_THE_HOST = ("referenced manual not found", "outdated mandoc.db")
"""What mandoc(1) says of the host's other pages."""


@pytest.mark.parametrize("page", manual.PAGES)
def test_the_property_sections_are_those_of_the_declarations(page: str) -> None:
    text = (MAN / page).read_text(encoding="utf-8")
    assert manual.rewritten(page, text) == text, "python3 -m bsdvirt.spec.manual man/bsdvirt*.5"


def test_the_keys_are_those_of_the_ui() -> None:
    text = (MAN / "bsdvirt.8").read_text(encoding="utf-8")
    assert keysmanual.rewritten(text) == text, "python3 -m bsdvirt.tui.keysmanual man/bsdvirt.8"


def test_every_kind_of_file_has_its_page() -> None:
    assert {which for page in manual.PAGES.values() for which in page} == set(get_args(Which))


ALL = ("bsdvirt.8", *manual.PAGES)
_BASE = """
    bhyve(8) bhyve_config(5) bhyvectl(8) bhyveload(8) bzip2(1) cap_mkdb(1) cpuset(1) cron(8)
    devd(8) dhclient(8)
    epair(4) etcupdate(8) freebsd-update(8) freebsd-update.conf(5) fstab(5) glob(3) gzip(1) halt(8)
    if_bridge(4) ifconfig(8) jail(8) jail.conf(5) linux(4) mount(8) newsyslog(8) nuageinit(7)
    openssl(1) pf(4) pf.conf(5) ping(8) pwd_mkdb(8) rc(8) rc.conf(5) rc.shutdown(8) rctl(8)
    reboot(8) rtsol(8) service(8) services_mkdb(8) sh(1) shutdown(8) ssh(1) sshd(8) syslogd(8)
    sysrc(8) tap(4) tar(1) tar(5) tcsh(1) unix(4) vi(1) vlan(4) xz(1) zfs(8) zfs-clone(8)
    zfs-diff(8) zfs-jail(8) zfs-promote(8) zfs-receive(8) zfs-send(8) zstd(1)
"""
"""Pages of FreeBSD 15.1's base system, looked up in its source."""
_PORTS = "age(1) bash(1) doas(1) fish(1) pkg(8) sudo(8) zsh(1)"
OTHERS = {*_BASE.split(), *_PORTS.split()}
REFERENCE = re.compile(r"^\.Xr (\S+) (\d)", re.MULTILINE)


def reference(page: str) -> str:
    return f"{page[:-2]}({page[-1]})"


@pytest.mark.parametrize("page", ALL)
def test_cross_references_are_to_pages_that_there_are(page: str) -> None:
    ours = {reference(one) for one in ALL}
    text = (MAN / page).read_text(encoding="utf-8")
    named = {f"{name}({section})" for name, section in REFERENCE.findall(text)}
    assert named <= ours | OTHERS
    assert ours - {reference(page)} <= named


@pytest.fixture
def mandoc() -> str:
    path = shutil.which("mandoc")
    if path is None:
        assert not os.environ.get(NEEDED), "mandoc is not installed"
        pytest.skip("mandoc is not installed")
    return path


@pytest.mark.parametrize("page", ALL)
def test_mandoc_has_nothing_to_say(page: str, mandoc: str) -> None:
    """Neither an error nor a matter of style; which other pages are there is the host's affair."""
    argv = [mandoc, "-Tlint", str(MAN / page)]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    said = found.stdout.splitlines()
    assert not [line for line in said if not any(words in line for words in OF_THE_HOST)]


def test_man_k_finds_all_pages(tmp_path: Path, mandoc: str) -> None:
    """`man -k` is apropos(1) of mandoc, which Debian calls mapropos."""
    del mandoc
    for page in ALL:
        place = tmp_path / f"man{page[-1]}"
        place.mkdir(exist_ok=True)
        shutil.copy(MAN / page, place)
    subprocess.run(["makewhatis", str(tmp_path)], check=True)
    argv = [shutil.which("mapropos") or "apropos", "-M", str(tmp_path), "bsdvirt"]
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    sections = {line.partition(" - ")[0] for line in found.splitlines()}
    assert sections == {
        "bsdvirt(8)", "bsdvirt-guest, guest.yaml(5)", "bsdvirt-network(5)", "bsdvirt.yaml(5)"
    }  # fmt: skip
