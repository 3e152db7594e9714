"""Completion in the shells that people use: run, and typed at."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import completion_table
import pytest
from tmux import Tmux, terminal
from uitest import cli, made

from bsdvirt.cli.words import OWN_WORDS, VERBS

ROOT = Path(__file__).resolve().parents[2]
COMPLETIONS = ROOT / "completions"
NEEDED = "BSDVIRT_NEEDS_SHELLS"
"""Set by the gate, where a shell that is missing is a failure."""


def words(sim: Path, *typed: str, script: Path = COMPLETIONS / "complete") -> list[str]:
    """Return the words that can follow, without their help."""
    env = {"PATH": "/bin:/usr/bin", "BSDVIRT_SIM": str(sim)}
    shown = subprocess.run((script, *typed), env=env, capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    return [line.split("\t")[0] for line in shown.stdout.splitlines()]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host with the guests web (running), db, old and win."""
    return made(tmp_path_factory.mktemp("host"))


def test_a_guests_file_that_is_a_fifo_or_huge_is_passed_over(sim: Path) -> None:
    file = sim / "root/bsdvirt/guests/web/guest.yaml"
    kept = file.rename(file.with_suffix(".kept"))
    os.mkfifo(file)
    assert "boot.auto=" in words(sim, "set", "web", "boot.au")
    file.unlink()
    with file.open("wb") as stream:
        stream.truncate(40 << 30)
    assert "boot.auto=" in words(sim, "set", "web", "boot.au")
    kept.replace(file)


def test_the_table_is_that_of_the_parsers() -> None:
    script = (COMPLETIONS / "complete").read_text(encoding="utf-8")
    assert completion_table.rewritten(script) == script, "make completions"


def test_every_verb_is_completed(sim: Path) -> None:
    assert words(sim, "") == [*VERBS, *OWN_WORDS]
    assert words(sim, "conso") == ["console"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["info", ""], ["db", "old", "web", "win"]),
        (["help", "roll"], ["rollback"]),
        (["info", "w"], ["web", "win"]),
        (["info", "web", ""], []),
        (["stop", "db", "o"], ["old"]),
        (["--sim", "/x", "-v", "inf"], ["info"]),
        (["create", ""], ["jail", "vm"]),
        (["create", "vm", "a", "--bus", ""], ["ahci", "nvme", "virtio"]),
        (["create", "vm", "--size", ""], ["small", "medium", "large"]),
        (["create", "vm", "--os", "win"], ["windows"]),
        (["create", "vm", "--network", "s"], ["slirp"]),
        (["create", "jail", "--release", ""], ["15.1-RELEASE"]),
        (["create", "jail", "--network", ""], ["private"]),
        (["create", "jail", "--thi"], ["--thick"]),
        (["create", "jail", "a", "cpus"], ["cpus=", "cpuset="]),
        (["nic", "add", "web", "--address", ""], ["pool", "dhcp", "none"]),
        (["network", "create", "lan", "--address", ""], []),
        (["set", "web", "boot.au"], ["boot.auto="]),
        (["set", "web", "boot.auto="], ["boot.auto=yes", "boot.auto=no"]),
        (["set", "win", "disks"], ["disks."]),
        (["get", "win", "memory"], ["memory"]),
        (["disk", ""], ["ls", "add", "rm", "resize"]),
        (["disk", "add", "wi"], ["win"]),
        (["network", "info", ""], ["private"]),
        (["network", "set", "private", "vl"], ["vlan=", "vlanfilter="]),
        (["media", "add", ""], ["<files>"]),
        (["exec", "web", "--", ""], ["<files>"]),
        (["pool", "rm", ""], ["zroot/bsdvirt"]),
        (["help-me", ""], []),
    ],
)  # fmt: skip
def test_what_can_follow(sim: Path, typed: list[str], found: list[str]) -> None:
    assert words(sim, *typed) == found


def test_snapshots_follow_their_guest(sim: Path) -> None:
    place = sim / "root/bsdvirt/guests/web/.zfs/snapshot"
    for name in ("before", "auto-1", "odd name"):
        (place / name).mkdir(parents=True)
    try:
        assert words(sim, "rollback", "w") == ["web@", "win@"]
        assert words(sim, "snapshot", "rm", "web@") == ["web@auto-1", "web@before"]
        assert words(sim, "clone", "web@b") == ["web@before"]
        assert words(sim, "snapshot", "hold", "../web@") == []
        assert words(sim, "snapshot", "diff", "web@auto-1", "") == ["before"]
    finally:
        shutil.rmtree(place.parent)


def test_start_and_stop_take_guests_by_their_state(sim: Path, tmp_path: Path) -> None:
    """With jls(8) as it prints: a jail of somebody else is none of the guests."""
    jls = tmp_path / "jls"
    jls.write_text("#!/bin/sh\nprintf 'web\\nother\\n'\n")
    jls.chmod(0o755)
    text = (COMPLETIONS / "complete").read_text(encoding="utf-8")
    script = tmp_path / "complete"
    script.write_text(text.replace('[ -n "$root" ] || /usr/sbin/jls', str(jls)))
    script.chmod(0o755)
    assert words(sim, "stop", "", script=script) == ["web"]
    assert words(sim, "start", "", script=script) == ["db", "old", "win"]


def test_tags_are_those_of_the_guests(sim: Path, tmp_path: Path) -> None:
    """With zfs(8) as it prints: properties that no bsdvirt has written offer nothing."""
    values = ('{"id":1,"tags":["prod","web"]}', '{"id":2,"tags":["web"]}', "-", '"tags":["$(x)"]')
    zfs = tmp_path / "zfs"
    zfs.write_text(
        f"#!/bin/sh\nfor one in {shlex.join(values)}; do printf '%s\\n' \"$one\"; done\n"
    )
    zfs.chmod(0o755)
    text = (COMPLETIONS / "complete").read_text(encoding="utf-8")
    script = tmp_path / "complete"
    script.write_text(text.replace('[ -n "$root" ] ||\n\t\t\t/sbin/zfs', str(zfs)))
    script.chmod(0o755)
    assert words(sim, "tag", "web", "", script=script) == ["prod", "web"]
    assert words(sim, "create", "jail", "new", "--tag", "p", script=script) == ["prod"]


def test_a_disk_and_a_journal_are_known_by_their_files(sim: Path, tmp_path: Path) -> None:
    host = tmp_path / "host"
    shutil.copytree(sim, host, symlinks=True)
    for name in ("dev/zvol/zroot/bsdvirt/guests/win/data", "bsdvirt/state/guest.web.1.journal"):
        path = host / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert "data" in words(host, "disk", "resize", "win", "")
    assert words(host, "disk", "rm", "../win", "") == []
    assert words(host, "doctor", "--set-aside", "") == ["guest.web.1.journal"]


def test_names_that_are_not_ours_are_not_printed(sim: Path, tmp_path: Path) -> None:
    place = shutil.copytree(sim, tmp_path / "sim", symlinks=True)
    for name in ("$(reboot)", "a b", "-rf", "esc\x1b[2J", "x\ny"):
        (place / "root/bsdvirt/media" / name).touch()
    (place / "root/bsdvirt/media/good.iso").touch()
    assert words(place, "media", "rm", "") == ["-rf", "good.iso"]


SHELLS = {
    "bash": ("bash --norc --noprofile", f"source {COMPLETIONS}/bsdvirt"),
    "zsh": (
        "zsh -f",
        f"fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -u -D; clear",
    ),
    "fish": ("fish --no-config", f"source {COMPLETIONS}/bsdvirt.fish"),
    "tcsh": ("tcsh -f", "source {tmp}/bsdvirt.tcsh; set autolist"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(sim: Path, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        assert not os.environ.get(NEEDED), f"{shell} is not installed"
        pytest.skip(f"{shell} is not installed")
    text = (COMPLETIONS / "bsdvirt.tcsh").read_text(encoding="utf-8")
    text = text.replace("/usr/local/share/bsdvirt/complete", str(COMPLETIONS / "complete"))
    (tmp_path / "bsdvirt.tcsh").write_text(text, encoding="utf-8")
    with terminal(tmp_path, {"BSDVIRT_SIM": str(sim), "TERM": "xterm"}, (100, 30)) as tmux:
        start, load = SHELLS[shell]
        tmux.line(start)
        tmux.line(load.format(tmp=tmp_path))
        tmux.line("echo he''re")
        tmux.sees("here")
        typed(tmux, "bsdvirt rest", "bsdvirt restart")
        typed(tmux, "o", "restart old")
        tmux.keys("C-u")
        typed(tmux, "bsdvirt set db boot.aut", "boot.auto=")
        tmux.keys("C-u")
        typed(tmux, "bsdvirt stats w", "web", "win")


def typed(tmux: Tmux, text: str, *found: str) -> None:
    """Type a text and the tab key, and see what it becomes."""
    tmux.run("send-keys", "-t", "ui", "-l", text)
    tmux.keys("Tab")
    if len(found) > 1:
        # A second one lists what is possible, where the first only beeps.
        tmux.keys("Tab")
    tmux.sees(*found)


def test_completion_changes_nothing(sim: Path) -> None:
    before = cli(sim, "ls", "--json")
    words(sim, "destroy", "")
    assert cli(sim, "ls", "--json") == before
