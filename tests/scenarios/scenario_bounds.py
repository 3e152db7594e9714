"""What is without end, in a guest's root or in a file of the user's: it is told of, and hinders
nobody else."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import ETC, HostView

SPARSE = 40 << 30


@scenario()
def files_without_end_in_a_root_hinder_no_other_guest(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2")
    for name in ("etc/resolv.conf", "etc/hosts", "etc/pwd.db"):
        with view.fs.path(f"{view.jail_root('t1')}/{name}").open("wb") as stream:
            stream.truncate(SPARSE)
    result = driver("start", "t1", "t2")
    assert result.status == 1
    assert "resolv.conf: larger than" in result.stderr
    assert set(view.jails()) == {"t2"}
    driver.ok("info", "t1")
    driver.ok("doctor")
    driver.ok("stop", "t2")
    driver.ok("destroy", "--yes", "t1")


@scenario()
def one_bad_profile_hides_no_other(driver: Bsdvirt, view: HostView) -> None:
    before = {row["name"] for row in driver.json("image", "profiles")}
    view.fs.mkdir(f"{ETC}/images")
    bad = {"t-bytes": b"a\xff\n", "t-yaml": b"a: [\n", "t-long": bytes(8 << 20)}
    try:
        for name, text in bad.items():
            view.fs.path(f"{ETC}/images/{name}.yaml").write_bytes(text)
        rows = {row["name"]: row for row in driver.json("image", "profiles")}
        assert set(rows) == before | set(bad)
        assert all("cannot be used" in rows[name]["description"] for name in bad)
        assert "t-yaml" in driver.ok("image", "profiles").stdout
        driver.fails(5, "image", "fetch", "t-bytes", says="UTF-8")
    finally:
        for name in bad:
            view.fs.unlink(f"{ETC}/images/{name}.yaml")
        view.fs.path(f"{ETC}/images").rmdir()
