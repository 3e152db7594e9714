"""What a stranger wrote: guests' files, properties, names. One bad item hurts no other."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

HOST_FILE = "/usr/local/etc/bsdvirt/bsdvirt.yaml"
GARBAGE = (
    '{"id":1e400,"uuid":"x","kind":"jail"}',
    '{"id":' + "[" * 1500 + "]" * 1500 + "}",
    "{",
    "a\tb\nc\n\n\u2028d",
)


def spoil(view: HostView, path: str) -> bytes:
    """Write bytes that are no text; what was there."""
    real = view.fs.path(path)
    before = real.read_bytes()
    real.write_bytes(b"\xff\xfe\n" + before)
    return before


@scenario()
def one_bad_file_stops_no_other_guest_and_not_the_shutdown(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3", "--start", "resolver.mode=keep")
    good = spoil(view, view.guest_file("t1"))
    before = view.fs.path(HOST_FILE).read_bytes()
    assert len(driver.json("ls")) == 3
    driver.fails(5, "get", "t1", says="not UTF-8")
    driver("doctor")
    assert "t1" in driver("doctor").stdout
    driver.ok("restart", "t2")
    driver.ok("boot", "stop")
    assert not view.jails()
    driver.ok("start", "t2", "t3")
    spoil(view, HOST_FILE)
    driver.fails(5, "ls", says="not UTF-8")
    said = driver("boot", "stop")
    assert "all are forced" in said.stderr
    assert not view.jails(), said
    view.fs.path(HOST_FILE).write_bytes(before)
    view.fs.path(view.guest_file("t1")).write_bytes(good)
    driver.ok("doctor", "--repair")
    driver.ok("start", "t1")


@scenario()
def a_property_that_is_garbage_is_one_stray(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep")
    driver.ok("start", "t2")
    dataset = f"{view.root}/guests/t1"
    good = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest", dataset).stdout
    for text in GARBAGE:
        view.do("/sbin/zfs", "set", f"bsdvirt:guest={text}", dataset)
        assert [row["name"] for row in driver.json("ls")] == ["t2"]
        assert f"{dataset}" in driver("doctor").stdout
        driver.ok("restart", "t2")
        driver.ok("boot", "plan")
        driver.fails(3, "start", "t1")
        driver.fails(4, "create", "jail", "t1", says="is no guest")
        driver.ok("boot", "stop")
        driver.ok("start", "t2")
    view.do("/sbin/zfs", "set", f"bsdvirt:guest={good.strip()}", dataset)
    driver.ok("start", "t1")
