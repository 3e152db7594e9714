"""Datasets delegated to jails, quotas and other properties, and keys that are not loaded."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

DATA = "datasets=[{name: data, mountpoint: /data, quota: 100M}]"
ZFS = "/sbin/zfs"


def prop(view: HostView, dataset: str, name: str) -> str:
    """A property's value, as -p shows it."""
    return view.run(ZFS, "get", "-Hp", "-o", "value", name, dataset).stdout.strip()


def places(view: HostView, dataset: str) -> list[str]:
    """Where a dataset is mounted now."""
    rows = (line.split(" ") for line in view.mounts())
    return [row[1] for row in rows if row[0] == dataset]


@scenario(each_release=True)
def a_dataset_of_its_own_is_mounted_before_services(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    name = f"{view.root}/guests/t1/data"
    assert [prop(view, name, p) for p in ("jailed", "mountpoint", "quota", "mounted")] == [
        "on", "/data", str(100 << 20), "no",
    ]  # fmt: skip
    # Mounted before the first command of the jail's own.
    driver.ok("set", "t1", "exec.start=[/bin/cat /data/mark, /bin/sh /etc/rc]")
    driver.fails(1, "start", "t1", says="cat /data/mark: failed")
    assert not [left for left in nothing_of(view, ["t1"]) if "failed" not in left]
    assert not places(view, name)
    driver.ok("set", "t1", "exec.start=")
    driver.ok("start", "t1")
    inside = f"{view.jail_root('t1')}/data"
    assert places(view, name) == [inside]
    (view.fs.path(inside) / "mark").write_text("mine\n")
    assert driver.ok("exec", "t1", "--", "cat", "/data/mark").stdout == "mine\n"
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])
    assert not places(view, name)
    assert prop(view, name, "jailed") == "on"
    driver.ok("set", "t1", "exec.start=[/bin/cat /data/mark, /bin/sh /etc/rc]")
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert not nothing_of(view, ["t1"])
    # Another place, by the next start.
    driver.ok("set", "t1", "datasets.data.mountpoint=/var/db/data", "exec.start=")
    driver.ok("start", "t1")
    assert places(view, name) == [f"{view.jail_root('t1')}/var/db/data"]
    driver.ok("restart", "t1")
    assert driver.ok("exec", "t1", "--", "cat", "/var/db/data/mark").stdout == "mine\n"


@scenario()
def a_dataset_comes_later_and_is_never_lost(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    name = f"{view.root}/guests/t1/data"
    said = driver.ok("set", "t1", "datasets.data.mountpoint=/data")
    assert "takes hold at the next start" in said.stdout + said.stderr
    assert prop(view, name, "jailed") == "on"
    said = driver.ok("set", "t1", "datasets.data.quota=50M")
    assert "next start" not in said.stdout + said.stderr
    assert prop(view, name, "quota") == str(50 << 20)
    driver.ok("restart", "t1")
    assert places(view, name) == [f"{view.jail_root('t1')}/data"]
    said = driver.ok("set", "t1", "datasets.data=")
    assert f"zfs destroy -r {name} destroys it" in said.stdout + said.stderr
    assert f"{name}" in driver.ok("doctor").stdout
    driver.ok("restart", "t1")
    assert not places(view, name)
    assert name in view.datasets()
    driver.ok("stop", "t1")
    driver.ok("rename", "t1", "t2")
    driver.ok("set", "t2", "datasets.data.mountpoint=/again")
    driver.ok("start", "t2")
    assert places(view, f"{view.root}/guests/t2/data") == [f"{view.jail_root('t2')}/again"]


@scenario()
def a_dataset_from_elsewhere_is_given_and_kept(driver: Bsdvirt, view: HostView) -> None:
    name = f"{view.pool}/{view.root.rpartition('/')[2]}-elsewhere"
    driver.fails(
        3,
        "create",
        "jail",
        "t1",
        f"datasets=[{{name: d, dataset: {name}, mountpoint: /srv}}]",
        says="no dataset",
    )
    view.do(ZFS, "create", name)
    try:
        driver.ok(
            "create",
            "jail",
            "t1",
            "t2",
            f"datasets=[{{name: d, dataset: {name}, mountpoint: /srv}}]",
        )
        driver.fails(5, "start", "t1", says="cannot be mounted elsewhere")
        view.do(ZFS, "umount", name)
        driver.ok("start", "t1")
        assert places(view, name) == [f"{view.jail_root('t1')}/srv"]
        driver.fails(5, "start", "t2", says="cannot be mounted elsewhere")
        driver.ok("stop", "t1")
        driver.ok("start", "t2")
        said = driver.ok("destroy", "t1", "t2", "--yes", "--force")
        assert f"zfs set jailed=off {name}" in said.stdout + said.stderr
        assert prop(view, name, "jailed") == "on"
        assert not places(view, name)
        driver.ok("create", "jail", "t1")
        for words, says in {
            f"dataset: {view.pool}": "overlap",
            f"dataset: {view.root}/guests/t1/root": "overlap",
            f"dataset: {view.pool}/not-there": "no dataset",
            "mountpoint: /dev/x": "hide the jail's /dev",
        }.items():
            result = driver("set", "t1", f"datasets=[{{name: d, {words}}}]")
            assert result.status in (2, 3), result
            assert says in result.stderr, result
    finally:
        view.do(ZFS, "destroy", "-r", name)


@scenario()
def what_datasets_need_is_the_users_too(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA)
    before = view.everything()
    driver.fails(
        2,
        "set",
        "t1",
        "params.enforce_statfs=2",
        "datasets.data.quota=1G",
        says="params.enforce_statfs is 2",
    )
    assert_same(before, view.everything())
    driver.ok("set", "t1", "params.allow.mount=no")
    driver.fails(2, "start", "t1", says="params.allow.mount is false")
    driver.ok("set", "t1", "params.allow.mount=", "devfs_ruleset=1")
    driver.ok("set", "t1", "params.enforce_statfs=0")
    driver.fails(5, "start", "t1", says="hides /dev/zfs")
    driver.ok("set", "t1", "devfs_ruleset=4")
    driver.ok("start", "t1")


@scenario()
def what_a_killed_jail_had_mounted_is_given_back(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", DATA, "--start")
    view.do("/usr/sbin/jail", "-R", "t1")
    assert places(view, f"{view.root}/guests/t1/data")
    driver.ok("doctor", "--repair")
    assert not places(view, f"{view.root}/guests/t1/data")
    driver.ok("start", "t1")
    view.do("/usr/sbin/jail", "-R", "t1")
    driver.ok("start", "t1")
    view.do("/usr/sbin/jail", "-R", "t1")
    driver.ok("destroy", "t1", "--yes")
    assert f"{view.root}/guests/t1" not in view.datasets()


@scenario(each_release=True)
def quotas_hold_at_creation_and_at_once(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "quota=1G", "compression=zstd", "atime=yes", "recordsize=16K")
    root = f"{view.root}/guests/t1/root"

    def now(*names: str) -> list[str]:
        return [prop(view, root, name) for name in names]

    assert now("quota", "compression", "atime", "recordsize") == [
        str(1 << 30), "zstd", "on", "16384",
    ]  # fmt: skip
    before = view.everything()
    driver.fails(
        1, "set", "t1", "compression=lz4", "reservation=900T", says="greater than available"
    )
    assert_same(before, view.everything())
    assert now("quota", "compression") == [str(1 << 30), "zstd"]
    driver.ok("set", "t1", "quota=2G", "reservation=1M", "refquota=1G", "compression=")
    assert now("quota", "reservation", "refquota") == [str(2 << 30), str(1 << 20), str(1 << 30)]
    shown = driver.json("info", "t1")["storage"]
    assert shown["quota"] == 2 << 30
    assert shown["compression"] == prop(view, view.root, "compression")
    driver.ok("set", "t1", "quota=", "reservation=", "refquota=", "atime=", "recordsize=")
    assert now("quota", "reservation", "refquota") == ["0", "0", "0"]
    # What a file changed by hand says holds from the next start on.
    path = view.fs.path(view.guest_file("t1"))
    path.write_text(path.read_text() + "quota: 3G\n")
    driver.ok("start", "t1")
    assert now("quota") == [str(3 << 30)]
    for words in ("quota=0", "quota=many", "compression=rar", "recordsize=3000", "atime=maybe"):
        driver.fails(2, "set", "t1", words, says=words.split("=")[0])


@scenario()
def a_guest_whose_key_is_not_loaded_says_so(driver: Bsdvirt, view: HostView) -> None:
    key = view.scratch / "key"
    key.write_bytes(b"k" * 32)
    secret = f"{view.root}/guests/t1"
    driver.ok("create", "jail", "t1")
    # Received or made by hand: here, a guest moved into the place of a new dataset.
    own = prop(view, secret, "bsdvirt:guest")
    text = view.guest_text("t1")
    view.do(ZFS, "destroy", "-r", secret)
    view.do(
        ZFS, "create", "-o", "encryption=on", "-o", "keyformat=raw", "-o",
        f"keylocation=file://{view.host_scratch}/key", "-o", f"bsdvirt:guest={own}", secret,
    )  # fmt: skip
    view.fs.path(view.guest_file("t1")).write_text(text)
    view.do(ZFS, "create", f"{secret}/root")
    assert driver.json("ls")[0]["state"] == "stopped"
    view.do(ZFS, "umount", secret)
    view.do(ZFS, "unload-key", secret)
    assert driver.json("ls")[0]["state"] == "locked"
    assert driver.json("info", "t1")["state"] == "locked"
    driver.fails(5, "start", "t1", says=f"zfs load-key {secret}")
    assert f"zfs load-key {secret}" in driver("boot", "start", "t1").stderr
    assert f"zfs load-key {secret}" in driver("doctor").stdout
    driver.fails(5, "set", "t1", "quota=1G", says="load-key")
    driver.fails(5, "destroy", "t1", "--yes", says="load-key")
    view.do(ZFS, "load-key", secret)
    view.do(ZFS, "mount", secret)
    view.do(ZFS, "mount", f"{secret}/root")
    assert driver.json("ls")[0]["state"] == "stopped"
