"""Guests of other tools: their archives and their directories become guests that run."""

from __future__ import annotations

import io
import json
import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of
from scenario_vm_ends import firmware

VERB = "import"
CONF = """NAME {
  devfs_ruleset = 13;
  exec.start = '/bin/sh /etc/rc';
  exec.stop = '/bin/sh /etc/rc.shutdown';
  host.hostname = NAME;
  mount.fstab = /usr/local/bastille/jails/NAME/fstab;
  path = /usr/local/bastille/jails/NAME/root;
  securelevel = 2;
  vnet;
  vnet.interface = e0b_NAME;
  exec.prestart += "jib addm NAME em0";
}
"""
RC_CONF = 'ifconfig_vnet0="inet 10.77.0.50/24"\n'


def base(view: HostView) -> list[tuple[tarfile.TarInfo, bytes]]:
    """Return the members of the release's base.txz."""
    found = []
    with tarfile.open(view.fs.path(f"{view.dist}/base.txz")) as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isreg() else None
            found.append((info, stream.read() if stream else b""))
    return found


def packed(
    view: HostView, name: str, under: str, files: dict[str, str], mode: str = "w:xz"
) -> bytes:
    """Return a tar archive of a release's root below `under`, with further files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, format=tarfile.GNU_FORMAT) as archive:  # type: ignore[call-overload]
        if name:
            top = tarfile.TarInfo(name)
            top.type, top.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(top)
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        for info, data in base(view):
            plain = info.name.removeprefix("./")
            if plain in (".", ""):
                continue
            info.name = f"{under}{plain}"
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def written(view: HostView, name: str, data: bytes) -> str:
    (view.scratch / name).write_bytes(data)
    return f"{view.host_scratch}/{name}"


def runs(driver: Bsdvirt, view: HostView, name: str) -> None:
    """Start a jail, see that it is the one, and destroy it."""
    driver.ok("start", name)
    assert driver.ok("exec", name, "--", "hostname").stdout == f"{name}\n"
    assert driver.json("info", name)["boot"]["auto"] is False
    driver.ok("stop", name)
    driver.ok("destroy", name, "--yes")
    assert not nothing_of(view, [name])


def bastille(view: HostView) -> dict[str, str]:
    return {
        "web/jail.conf": CONF.replace("NAME", "web"),
        "web/settings.conf": 'boot="on"\ndepend=""\n',
        "web/rctl.conf": "jail:web:maxproc:deny=100/jail\n",
    }


@scenario(sim_only=True)
def an_archive_of_bastille_becomes_a_jail_that_runs(driver: Bsdvirt, view: HostView) -> None:
    data = packed(view, "web", "web/root/", {**bastille(view), "web/root/etc/rc.conf": RC_CONF})
    path = written(view, "web_2026-01-02-030405.txz", data)
    before = view.everything()
    shown = driver.ok(VERB, path, "--dry-run", "--yes")
    assert "--strip-components 2 web/root" in shown.stdout
    assert_same(before, view.everything())
    made = driver.ok(VERB, path, "--yes")
    assert "10.77.0.50" in made.stdout
    assert "boot.auto=yes" in made.stderr
    config = driver.json("info", "web")["config"]
    assert config["limits"] == {"maxproc": 100}
    assert not view.fs.exists(f"{view.jail_root('web')}/root/jail.conf")
    driver.fails(4, VERB, path, "--yes", says="already exists")
    runs(driver, view, "web")


@scenario(sim_only=True)
def archives_of_appjail_and_cbsd_become_jails_that_run(driver: Bsdvirt, view: HostView) -> None:
    files = {
        "./conf/config.conf": "osversion: 14.2-RELEASE\nosarch: amd64\njail_type: thick\n",
        "./conf/template.conf": 'exec.start: "/bin/sh /etc/rc"\nvnet\nvnet.interface: "eb_app"\n',
    }
    path = written(view, "app.tar.gz", packed(view, "", "./jail/", files, "w:gz"))
    driver.ok(VERB, path, "--yes")
    runs(driver, view, "app")
    head = (
        '___NCSTART_HEADER=1\nhdrver="4"\njname="cb"\nemulator="jail"\n___NCSTOP_HEADER=1\n'
        '___NCSTART_RCCONF=1\nhost_hostname="cb";\nvnet="1";\nip4_addr="DHCP";\nbaserw="1";\n'
        "___NCSTOP_RCCONF=1\n___NCSTART_FSTAB=1\n___NCSTOP_FSTAB=1\n___NCSTART_SYSDATA=1\n"
        "x\n___NCSTOP_SYSDATA=1\n___NCSTART_DATA=1\n"
    )
    for mode in ("w:xz", "w"):
        image = head.encode() + packed(view, "cb-data", "cb-data/", {}, mode)
        path = written(view, "cb.img", image + b"\n___NCSTOP_DATA=1\n")
        driver.ok(VERB, path, "--yes")
        runs(driver, view, "cb")


@scenario(sim_only=True)
def a_root_of_anything_else_becomes_a_jail(driver: Bsdvirt, view: HostView) -> None:
    path = written(view, "My.Root.tgz", packed(view, "", "./", {}, "w:gz"))
    driver.ok(VERB, path, "--yes")
    runs(driver, view, "my-root")
    driver.ok(VERB, path, "other", "hostname=other", "limits.maxproc=50", "--yes")
    assert driver.json("info", "other")["config"]["limits"] == {"maxproc": 50}
    runs(driver, view, "other")


@scenario(sim_only=True)
def an_address_that_no_network_has_is_asked_for(driver: Bsdvirt, view: HostView) -> None:
    rc = 'ifconfig_vnet0="inet 192.168.9.5/24"\n'
    path = written(view, "web.txz", packed(view, "web", "web/root/", {
        **bastille(view), "web/root/etc/rc.conf": rc,
    }))  # fmt: skip
    before = view.everything()
    driver.fails(2, VERB, path, "--yes", says="nics.0.network=NETWORK")
    assert_same(before, view.everything())
    driver.ok(VERB, path, "nics.0.network=private", "nics.0.address=pool", "hostname=web", "--yes")
    runs(driver, view, "web")


@scenario(sim_only=True)
def what_an_archive_asks_of_this_host_is_agreed_to(driver: Bsdvirt, view: HostView) -> None:
    table = "/etc /usr/local/bastille/jails/web/root/host nullfs rw 0 0\n"
    files = {**bastille(view), "web/fstab": table}
    path = written(view, "web.txz", packed(view, "web", "web/root/", files))
    before = view.everything()
    result = driver(VERB, path, stdin="no\n")
    assert result.status != 0
    assert_same(before, view.everything())
    shown = driver.ok(VERB, path, "--yes", "--dry-run").stdout
    assert "source: /etc" in shown


@scenario(sim_only=True)
def hostile_files_change_nothing(driver: Bsdvirt, view: HostView) -> None:
    cases: dict[str, tuple[bytes, int]] = {
        "empty": (b"", 2),
        "text": (b"hello\n" * 1000, 2),
        "stream": (bytes(8) + (0x2F5BACBAC).to_bytes(8, "little") + bytes(400), 1),
        "a.zip": (b"PK\x03\x04" + bytes(100), 2),
        "noroot.tar": (_tar({"a": "b"}), 2),
        "badconf.tar": (_tar({"web/": "", "web/jail.conf": "web { path = "}), 2),
        "noname.tar": (_tar({"web/": "", "web/jail.conf": "* { vnet; }"}), 2),
        "long.tar": (_tar({"web/": "", "web/jail.conf": LONG}), 2),
        "short.img": (b"___NCSTART_HEADER=1\njname=x\n", 2),
        "bomb.xz": (lzma.compress(bytes(4 << 20)), 2),
        "evil.ova": (_tar({"x.ovf": "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}), 2),
        "none.ova": (_tar({"x.ovf": "<Envelope/>"}), 2),
    }
    before = view.everything()
    for name, (data, status) in cases.items():
        driver.fails(status, VERB, written(view, name, data), "t1", "--yes")
    driver.fails(3, VERB, f"{view.host_scratch}/nosuch", "t1", "--yes")
    driver.fails(2, VERB, view.host_scratch, "t1", "--yes", says="not the directory of a guest")
    for name in cases:
        (view.scratch / name).unlink()
    assert_same(before, view.everything())


LONG = "web { vnet; " + "".join(f'exec.start += "{"x" * 15000}{n}"; ' for n in range(9)) + "}"


def _tar(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(path.rstrip("/"))
            info.size = len(text.encode())
            if path.endswith("/"):
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


# ---- on this host ----


def unpacked(view: HostView, directory: str) -> None:
    """Put the root of a release into a directory of the host."""
    for info, data in base(view):
        path = f"{directory}/{info.name.removeprefix('./')}"
        if info.isdir():
            view.fs.mkdir(path.rstrip("/"))
        elif info.isreg():
            view.fs.mkdir(path.rpartition("/")[0])
            view.fs.path(path).write_bytes(data)
            view.fs.path(path).chmod(info.mode)


@scenario(sim_only=True)
def jails_of_this_host_are_copied_and_not_changed(driver: Bsdvirt, view: HostView) -> None:
    home, jail, cage = (
        "/usr/local/bastille/jails/web",
        "/usr/local/appjail/jails/app",
        "/cages/cage",
    )
    unpacked(view, f"{home}/root")
    shutil.copytree(view.fs.path(f"{home}/root"), view.fs.path(f"{jail}/jail"))
    shutil.copytree(view.fs.path(f"{home}/root"), view.fs.path(f"{cage}/root"))
    config = {
        "host_hostuuid": "cage", "release": "14.2-RELEASE", "vnet": 1,
        "ip4_addr": "vnet0|10.77.0.60/24", "host_hostname": "cage",
    }  # fmt: skip
    view.fs.mkdir(f"{jail}/conf")
    for path, text in {
        f"{home}/jail.conf": CONF.replace("NAME", "web"),
        f"{home}/root/etc/rc.conf": RC_CONF,
        f"{jail}/conf/config.conf": "jail_type: thick\n",
        f"{jail}/conf/template.conf": "vnet\nvnet.interface: eb_app\n",
        f"{cage}/config.json": json.dumps(config),
        "/etc/jail.conf": 'path = "/usr/local/bastille/jails/$name/root"; persist;\n'
        "web { vnet; vnet.interface = epair0b; allow.raw_sockets; host.hostname = web; }\n",
    }.items():
        view.fs.write(path, text)
    view.remember()
    before = view.everything()
    driver.ok(VERB, "--from", "bastille", "web", "--yes")
    runs(driver, view, "web")
    driver.ok(VERB, "--from", "jail.conf", "web", "--yes")
    assert driver.json("info", "web")["config"]["params"] == {"allow.raw_sockets": True}
    runs(driver, view, "web")
    driver.fails(3, VERB, "--from", "jail.conf", "db", "--yes", says="it has: web")
    driver.fails(3, VERB, "--from", "bastille", "db", "--yes", says="does not exist")
    driver.ok(VERB, jail, "--yes")
    runs(driver, view, "app")
    driver.ok(VERB, cage, "--yes")
    assert driver.json("ls")[0]["addresses"] == ["10.77.0.60"]
    runs(driver, view, "cage")
    assert_same(before, view.everything())


@scenario(sim_only=True)
def a_machine_of_vm_bhyve_is_copied(driver: Bsdvirt, view: HostView) -> None:
    data = b"boot" + bytes(1020) + b"\x55\xaa" * 512
    view.do("/sbin/zfs", "create", "-o", "mountpoint=/vm", f"{view.pool}/vm")
    view.do("/sbin/zfs", "create", f"{view.pool}/vm/deb")
    view.do("/sbin/zfs", "create", "-s", "-V", str(2 << 20), f"{view.pool}/vm/deb/disk1")
    view.fs.path("/vm/deb/disk0.img").write_bytes(data + bytes((1 << 20) - len(data)))
    view.fs.write(
        "/vm/deb/deb.conf",
        'loader="uefi"\ncpu=2\nmemory=512M\nnetwork0_type="virtio-net"\nnetwork0_switch="public"\n'
        'network0_mac="58:9c:fc:0a:0b:0c"\ndisk0_type="virtio-blk"\ndisk0_name="disk0.img"\n'
        'disk1_type="nvme"\ndisk1_name="disk1"\ndisk1_dev="sparse-zvol"\n',
    )
    rc = view.fs.read_or("/etc/rc.conf")
    view.fs.write("/etc/rc.conf", f'{rc}vm_enable="YES"\nvm_dir="zfs:{view.pool}/vm"\n')
    driver.ok(VERB, "--from", "vm-bhyve", "deb", "--yes")
    row = driver.json("info", "deb")["config"]
    assert (row["cpus"], row["memory"], row["nics"][0]["mac"]) == (2, "512M", "58:9c:fc:0a:0b:0c")
    assert [(disk.get("bus"), disk["size"]) for disk in row["disks"]] == [
        (None, "1M"), ("nvme", "2M"),
    ]  # fmt: skip
    assert _volume(view, "deb", "disk0").startswith(data)
    with firmware(view):
        driver.ok("start", "deb")
        driver.ok("stop", "deb", "--force")
    driver.ok("destroy", "deb", "--yes")
    assert view.fs.path("/vm/deb/disk0.img").read_bytes().startswith(data)
    view.fs.write("/etc/rc.conf", rc)
    view.do("/sbin/zfs", "destroy", "-r", f"{view.pool}/vm")


def _volume(view: HostView, name: str, disk: str) -> bytes:
    with view.fs.path(f"/dev/zvol/{view.root}/guests/{name}/{disk}").open("rb") as stream:
        return stream.read(1 << 20)


@scenario(sim_only=True)
def disks_and_appliances_become_virtual_machines(driver: Bsdvirt, view: HostView) -> None:
    raw = b"boot" + bytes(506) + b"\x55\xaa" + bytes((1 << 20) - 512)
    driver.ok(VERB, written(view, "disk.raw", raw), "plain", "memory=512M", "--yes")
    assert _volume(view, "plain", "disk0").startswith(b"boot")
    driver.ok("destroy", "plain", "--yes")
    if (tool := shutil.which("qemu-img")) is None:
        return
    place = view.fs.path("/usr/local/bin/qemu-img")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    view.remember()
    disk: Path = view.scratch / "d.vmdk"
    words = ("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized")
    subprocess.run((tool, *words, view.scratch / "disk.raw", disk), check=True, capture_output=True)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, data in (("box.ovf", OVF.encode()), ("d.vmdk", disk.read_bytes())):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    driver.ok(VERB, written(view, "box.ova", made.getvalue()), "--yes")
    row = driver.json("info", "box")["config"]
    assert (row["cpus"], row["memory"], row["disks"][0]["size"]) == (2, "1G", "1M")
    assert _volume(view, "box", "disk0").startswith(b"boot")
    with firmware(view):
        driver.ok("start", "box")
        driver.ok("stop", "box", "--force")
    driver.ok("destroy", "box", "--yes")


OVF = """<Envelope xmlns:r="r" xmlns="http://schemas.dmtf.org/ovf/envelope/1">
<References><File id="f" href="d.vmdk"/></References>
<DiskSection><Disk diskId="d" fileRef="f" capacity="1048576"/></DiskSection>
<VirtualSystem id="box"><VirtualHardwareSection>
<Item><r:ResourceType>3</r:ResourceType><r:VirtualQuantity>2</r:VirtualQuantity></Item>
<Item><r:ResourceType>4</r:ResourceType><r:VirtualQuantity>1024</r:VirtualQuantity></Item>
<Item><r:ResourceType>17</r:ResourceType><r:HostResource>ovf:/disk/d</r:HostResource></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>
"""


# ---- ZFS streams ----


FAILING = (2, 4, 7, 9)
"""Steps: of receiving and its end, and of the guest that is made of it. All up to 12 were tried."""


def sent(view: HostView, snapshot: str, name: str, *options: str) -> str:
    """Write a ZFS stream to a file, and return its path."""
    path = f"{view.host_scratch}/{name}"
    to = ("/bin/dd", f"of={path}", "bs=1m", "status=progress")
    view.host.pipe(("/sbin/zfs", "send", *options, snapshot), to).check()
    return path


@scenario(sim_only=True)
def streams_of_bastille_and_iocage_become_jails_that_run(driver: Bsdvirt, view: HostView) -> None:
    top = f"{view.pool}/peer"
    view.do("/sbin/zfs", "create", "-o", "mountpoint=/peer", top)
    view.do("/sbin/zfs", "create", f"{top}/web")
    view.do("/sbin/zfs", "create", f"{top}/web/root")
    unpacked(view, "/peer/web/root")
    view.fs.write("/peer/web/jail.conf", CONF.replace("NAME", "web"))
    view.fs.write("/peer/web/root/etc/rc.conf", RC_CONF)
    stamp = "bastille_web_2026-01-02-030405"
    view.do("/sbin/zfs", "snapshot", "-r", f"{top}/web@{stamp}")
    raw = sent(view, f"{top}/web@{stamp}", "web_2026-01-02-030405", "-R")
    data = view.fs.path(raw).read_bytes()
    packed_file = written(view, "web_2026-01-02-030405.xz", lzma.compress(data))
    shown = driver.ok(VERB, raw, "--dry-run").stdout
    assert "/sbin/zfs receive -u -o bsdvirt:op=" in shown
    for path in (raw, packed_file):
        driver.ok(VERB, path, "--yes")
        assert driver.json("ls")[0]["addresses"] == ["10.77.0.50"]
        assert stamp in view.run("/sbin/zfs", "list", "-Hp", "-t", "snapshot", "-o", "name").stdout
        runs(driver, view, "web")
    before = view.everything()
    driver.fails(2, VERB, raw, "nics.0.address=nonsense", "--yes")
    assert_same(before, view.everything())
    alone = sent(view, f"{top}/web/root@{stamp}", "alone")
    driver.ok(VERB, alone, "web", "hostname=web", "--yes")
    value = ("/sbin/zfs", "get", "-Hp", "-o", "value", "setuid", f"{view.root}/guests/web/root")
    assert view.run(*value).stdout == "on\n"
    runs(driver, view, "web")
    config = {"host_hostuuid": "web", "release": "14.2-RELEASE", "vnet": 1, "host_hostname": "web"}
    view.fs.write("/peer/web/config.json", json.dumps(config))
    view.fs.path("/peer/web/jail.conf").unlink()
    view.do("/sbin/zfs", "snapshot", "-r", f"{top}/web@ioc-export-2026-01-02")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as archive:
        for child in ("", "/root"):
            file = sent(view, f"{top}/web{child}@ioc-export-2026-01-02", "one")
            name = f"iocage/images/web_2026-01-02{child.replace('/', '_')}"
            archive.add(view.fs.path(file), name)
    driver.ok(VERB, written(view, "web_2026-01-02.tar.xz", made.getvalue()), "--yes")
    runs(driver, view, "web")
    before = view.everything()
    for step in FAILING:
        # Of receiving, and of the guest that is made of it.
        with driver.faulty(f"fail:{step}"):
            assert driver(VERB, raw, "--yes").status != 0, step
        if driver.json("ls"):
            # Past the commit, it is complete.
            runs(driver, view, "web")
        assert_same(before, view.everything(), step)
    with driver.faulty("kill-after:4"):
        driver(VERB, raw, "--yes")
    assert "zfs destroy -r" in driver("doctor").stdout
    again = driver(VERB, raw, "--yes")
    assert (again.status, "exists already" in again.stderr) == (4, True), again
    view.do("/sbin/zfs", "destroy", "-r", f"{view.root}/incoming-web")
    assert_same(before, view.everything())
    cut = written(view, "cut", data[: len(data) // 2])
    driver.fails(1, VERB, cut, "web", "--yes")
    (view.scratch / "cut").unlink()
    assert_same(before, view.everything())
    view.do("/sbin/zfs", "destroy", "-r", top)
