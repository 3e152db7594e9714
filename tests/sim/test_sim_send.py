"""Guests that are sent to another host: whole, in part, again, and refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sending import FILES, GUESTS, Side, same, two_hosts

Hosts = tuple[Side, Side]
WEB = f"{GUESTS}/web"


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with two_hosts() as both:
        yield both


def test_a_jail_is_sent_then_what_has_changed_and_is_adopted(hosts: Hosts) -> None:
    a, b = hosts
    shown = a.run.ok("send", "web", "b", "-n").stdout
    assert f"zfs send -L -c -vP {WEB}/root@" in shown
    assert not a.snapshots(WEB)
    assert b.run.json("ls") == []

    a.run.ok("send", "web", "b")
    same(a, b)
    assert b.row("web")["state"] == "foreign"
    b.run.fails(4, "start", "web", says="is foreign")
    readonly = b.zfs("get", "-Hp", "-r", "-o", "value", "-t", "filesystem", "readonly", WEB)
    assert set(readonly.split()) == {"on"}

    a.run.ok("start", "web")
    a.write("web/root/etc/motd", "second\n")
    again = a.run.ok("send", "web", "b")
    assert "sent in full" not in again.stderr
    assert "taken while it runs" in again.stderr
    same(a, b)
    # Each side keeps the one that the next run begins with.
    assert len(a.snapshots(WEB)) == len(b.snapshots(WEB)) == 1
    a.zfs("destroy", "-r", f"{WEB}@{a.snapshots(WEB)[0]}", ok=False)

    b.run.ok("adopt", "web", "--yes")
    b.run.ok("start", "web")
    assert b.run.ok("exec", "web", "--", "cat", "/etc/motd").stdout == "second\n"
    assert b.snapshots(WEB) == []
    assert b.row("web")["state"] == "running"
    refused = a.run("send", "web", "b")
    assert refused.status == 4
    assert "there is another guest web" in refused.stderr


def test_a_virtual_machine_is_sent_and_follows(hosts: Hosts) -> None:
    a, b = hosts
    a.run.ok("create", "vm", "vm", "--disk", "8M", "--loader", "bhyveload")
    a.fill("vm/disk0", b"first" * 9999)
    a.run.ok("send", "vm", "b", "--name", "vm2")
    same(a, b, "vm", "vm2")
    a.fill("vm/disk0", b"other" * 9999)
    a.run.ok("send", "vm", "b", "--name", "vm2", "--limit", "100M")
    same(a, b, "vm", "vm2")
    b.run.ok("adopt", "vm2", "--yes")
    device = b.directory / "root/dev/zvol" / GUESTS / "vm2/disk0"
    assert device.read_bytes()[:49995] == b"other" * 9999
    assert b.zfs("get", "-Hp", "-o", "value", "volmode", f"{GUESTS}/vm2/disk0") == "dev\n"


def test_what_is_cut_goes_on_and_what_was_there_stays(hosts: Hosts) -> None:
    a, b = hosts
    chance = random.Random(16)
    a.run.ok("send", "web", "b")
    before = b.snapshots(f"{WEB}/root")
    for _ in range(4):
        a.write("web/root/etc/big", chance.randbytes(60_000).hex())
        a.sim.settings.cut_streams(chance.randrange(400, 120_000))
        failed = a.run("send", "web", "b")
        assert failed.status == 1, failed
        assert "goes on where this one ended" in failed.stderr, failed
        assert b.snapshots(f"{WEB}/root") == before
    assert b.zfs("get", "-Hp", "-o", "value", "receive_resume_token", f"{WEB}/root") != "-\n"
    a.sim.settings.cut_streams()
    shown = a.run.ok("send", "web", "b", "-n").stdout
    assert "zfs send -vP -t 1-" in shown
    said = a.run.ok("send", "web", "b").stderr
    assert "left of the run before" in said and "sent in full" not in said
    same(a, b)
    assert len(a.snapshots(WEB)) == len(b.snapshots(WEB)) == 1
    assert len(b.snapshots(f"{WEB}/root")) <= 2


def test_the_first_stream_is_cut(hosts: Hosts) -> None:
    a, b = hosts
    a.sim.settings.cut_streams(900)
    assert a.run("send", "web", "b").status == 1
    assert [row["state"] for row in b.run.json("ls")] in ([], ["foreign"])
    b.run("adopt", "web", "--yes")
    assert [row["state"] for row in b.run.json("ls")] in ([], ["foreign"])
    a.sim.settings.cut_streams(30_000)
    a.run("send", "web", "b")
    a.sim.settings.cut_streams()
    a.run.ok("send", "web", "b")
    same(a, b)
    b.run.ok("adopt", "web", "--yes")


def test_a_token_that_asks_for_something_else_is_not_followed(hosts: Hosts) -> None:
    """The other host may be hostile: it has the token of a stream of another dataset."""
    a, b = hosts
    a.zfs("create", "zroot/secret")
    a.zfs("snapshot", "zroot/secret@a")
    a.run.ok("send", "web", "b")
    a.sim.settings.cut_streams(20_000)
    a.write("web/root/etc/big", "x" * 50_000)
    assert a.run("send", "web", "b").status == 1
    a.sim.settings.cut_streams()
    with b.sim.change() as state:
        partial = state.datasets[f"{WEB}/root"].partial
        assert partial is not None
        partial.toname, partial.toguid = "zroot/secret@a", int(a.guid("zroot/secret@a"))
        partial.fromguid = 0
    shown = a.run.ok("send", "web", "b", "-n").stdout
    assert "receive drop" in shown
    assert " -t " not in shown
    a.run.ok("send", "web", "b")
    same(a, b)


def test_what_is_refused(hosts: Hosts) -> None:
    a, b = hosts
    a.run.fails(2, "send", "web", "-oProxyCommand=x", says="")
    a.run.fails(5, "send", "web", "nowhere", says="does not answer")
    b.sim.settings.fill_pool("zroot", 4000)
    a.run.fails(4, "send", "web", "b", says="would be sent")
    b.sim.settings.fill_pool("zroot", -1)
    a.sim.settings.fill_pool("zroot", 0)
    assert "out of space" in a.run("send", "web", "b").stderr
    a.sim.settings.fill_pool("zroot", -1)
    assert not a.snapshots(WEB)
    for number in range(50):
        a.zfs("snapshot", "-r", f"{WEB}@auto-{number}")
    a.run.ok("send", "web", "b")
    same(a, b)
    assert len(b.snapshots(WEB)) == 1
    for number in range(50):
        a.zfs("destroy", "-r", f"{WEB}@auto-{number}")
    b.zfs("set", "readonly=off", f"{WEB}/root")
    b.zfs("mount", f"{WEB}/root")
    b.write("web/root/etc/motd", "written there\n")
    a.run.fails(4, "send", "web", "b", says="was changed since")
    b.zfs("snapshot", f"{WEB}/root@theirs")
    result = a.run("send", "web", "b")
    assert result.status == 4
    assert "zfs rollback -r there" in result.stderr
    assert len(a.snapshots(WEB)) == 1, "nothing is taken for a run that is refused"
    b.run.ok("destroy", "web", "--yes")
    a.run.ok("send", "web", "b")
    same(a, b)
    a.run.fails(4, "send", "web", "a", says="same kern.hostuuid")


def test_a_full_pool_in_the_middle(hosts: Hosts) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b")
    before = b.snapshots(f"{WEB}/root")
    a.write("web/root/etc/big", random.Random(1).randbytes(400_000).hex())
    b.sim.settings.fill_pool("zroot", 150_000)
    failed = a.run("send", "web", "b")
    assert failed.status == 1, failed
    assert "out of space" in failed.stderr
    assert b.snapshots(f"{WEB}/root") == before
    b.sim.settings.fill_pool("zroot", -1)
    a.run.ok("send", "web", "b")
    same(a, b)


def test_only_what_was_offered_is_received(hosts: Hosts, tmp_path: Path) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b")
    ssh = {"SSH_ORIGINAL_COMMAND": "bsdvirt destroy web --yes"}
    refused = b.run("receive", "--from-ssh", env=ssh)
    assert refused.status == 2
    assert "may only receive guests" in refused.stderr
    for words in (("stream", "0" * 32, "0", "a"), ("complete", "../../etc")):
        refused = b.run("receive", "--from-ssh", env={"SSH_ORIGINAL_COMMAND": " ".join(
            ("bsdvirt", "receive", *words))})  # fmt: skip
        assert refused.status == 3, refused
    for text in ("", "[]", "{" * 99, '{"v": 9}', '{"host": "x"}'):
        answer = b.run("receive", "offer", stdin=text)
        assert answer.status == 2
        assert answer.json()["error"]
    assert (b.directory / FILES / "web/guest.yaml").exists()


def test_a_standby_is_promoted_when_its_host_agrees_or_is_gone(hosts: Hosts) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b", "--replicate", "--every", "15m")
    a.run.ok("start", "web")
    b.run.fails(4, "adopt", "web", "--yes", says="standby promote web")
    b.run.fails(4, "standby", "promote", "web", "--yes", says="web runs")
    b.sim.settings.set_peer("a")
    b.run.fails(4, "standby", "promote", "web", "--yes", says="Connection refused")
    # A run that was cut short does not count.
    a.write("web/root/etc/motd", "lost\n" * 9999)
    a.sim.settings.cut_streams(9000)
    assert a.run("send", "web", "b").status == 1
    b.run.ok("standby", "promote", "web", "--yes", "--force")
    b.run.ok("start", "web")
    assert b.run.ok("exec", "web", "--", "cat", "/etc/motd").stdout == "first\n"
    assert b.row("web")["addresses"] == a.row("web")["addresses"]

    a.sim.settings.cut_streams()
    a.run.fails(4, "send", "web", "b", says="was promoted here")
    a.run.ok("stop", "web")
    a.run.fails(4, "start", "web", says="is superseded")


def test_a_standby_takes_over_from_a_stopped_guest(hosts: Hosts) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b", "--replicate")
    b.run.ok("standby", "promote", "web", "--yes", "-n")
    a.run.ok("start", "web")
    a.run.ok("stop", "web")
    b.run.ok("standby", "promote", "web", "--yes")
    b.run.ok("start", "web")
    a.run.fails(4, "start", "web", says="is superseded")
    a.run.fails(4, "send", "web", "b", says="superseded")


def test_what_is_encrypted_is_sent_so(hosts: Hosts) -> None:
    a, b = hosts
    key = "0123456789abcdef" * 2
    for side in hosts:
        side.sim.fs.write("/root.key", key, 0o600)
    a.zfs(
        "create", "-o", "encryption=on", "-o", "keyformat=passphrase", "-o",
        "keylocation=file:///root.key", "zroot/enc",
    )  # fmt: skip
    a.run.ok("pool", "add", "zroot/enc/b", "--name", "enc", "--mountpoint", "/enc")
    a.run.ok("create", "jail", "sec", "--pool", "enc")
    assert "zfs send -L -c -w " in a.run.ok("send", "sec", "b", "-n").stdout
    a.run.ok("send", "sec", "b")
    a.run.ok("send", "sec", "b")
    assert b.zfs("get", "-Hp", "-o", "value", "keystatus", f"{GUESTS}/sec/root") == "unavailable\n"
    b.run.fails(5, "adopt", "sec", "--yes", says="its key is not loaded")


def test_the_old_guest_becomes_the_standby_of_the_new_one(hosts: Hosts) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b", "--replicate")
    b.run.fails(4, "send", "web", "a", says="is foreign")
    b.run.ok("standby", "promote", "web", "--yes")
    b.write("web/root/etc/motd", "on b\n")
    b.run.ok("send", "web", "a", "--replicate")
    assert a.row("web")["role"] == "standby"
    same(b, a)
    b.run.ok("start", "web")
    b.run.ok("stop", "web")
    a.run.ok("standby", "promote", "web", "--yes")
    a.run.ok("start", "web")
    assert a.run.ok("exec", "web", "--", "cat", "/etc/motd").stdout == "on b\n"
    b.run.fails(4, "start", "web", says="is superseded")


@pytest.mark.parametrize("fault", ["kill-before:4", "kill-after:5", "fail:5"])
def test_a_receiver_that_is_killed_goes_on(hosts: Hosts, fault: str) -> None:
    a, b = hosts
    a.run.ok("send", "web", "b")
    a.write("web/root/etc/motd", "second\n")
    cut = a.run("send", "web", "b", env={"BSDVIRT_FAULT_THERE": fault})
    assert cut.status == 1, cut
    a.run.ok("send", "web", "b")
    same(a, b)
    assert len(b.snapshots(WEB)) == 1
    assert "problem" not in b.run.ok("doctor").stdout
