"""What bhyve of 15 runs besides itself: a TPM in software, and user networking."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, nothing_of
from scenario_vm import SMALL, finish, image, until_login

from bsdvirt_sim import SimHost


@scenario(sim_only=True, each_release=True)
def a_tpm_in_software_is_the_guests_own(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    image(driver, view)
    small = ("--image", "gold", *SMALL)
    if view.release.startswith("13"):
        driver.fails(5, "create", "vm", "t1", *small, "tpm=swtpm", says="no TPM")
        driver.ok("image", "rm", "gold")
        return
    driver.ok("create", "vm", "t1", *small, "tpm=swtpm")
    driver.fails(5, "start", "t1", says="pkg install swtpm")
    view.host.settings.install_swtpm()
    driver.ok("start", "t1")
    until_login(driver, "t1")
    state = f"{view.mountpoint}/guests/t1/tpm"
    assert view.fs.path(state).stat().st_mode & 0o777 == 0o700
    kept = view.fs.read_bytes(f"{state}/tpm2-00.permall")
    driver.ok("restart", "t1")
    assert view.fs.read_bytes(f"{state}/tpm2-00.permall") == kept
    driver.ok("stop", "t1")
    assert nothing_of(view, ["t1"]) == []
    cloned = driver.ok("clone", "t1", "t2")
    assert "its TPM is new and empty" in cloned.stdout + cloned.stderr
    assert not view.fs.exists(f"{view.mountpoint}/guests/t2/tpm")
    driver.ok("start", "t2")
    assert view.fs.read_bytes(f"{view.mountpoint}/guests/t2/tpm/tpm2-00.permall") != kept
    driver.ok("stop", "t2")
    finish(driver, "t2", "t1")
    view.fs.unlink("/usr/local/bin/swtpm")


@scenario(sim_only=True, each_release=True)
def a_card_that_needs_no_network(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    image(driver, view)
    card = ("slirp.enabled=true", "slirp.forward=[tcp:2222:22]")
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "--no-network", *card)
    if view.release.startswith("13"):
        driver.fails(5, "start", "t1", says="FreeBSD 15")
        finish(driver, "t1")
        return
    driver.fails(5, "start", "t1", says="pkg install libslirp")
    view.host.settings.install_libslirp()
    view.host.settings.listen_on_host("sshd tcp4 *:2222")
    driver.fails(4, "start", "t1", says="the host itself listens on tcp 2222")
    view.host.settings.listen_on_host()
    driver.ok("start", "t1")
    until_login(driver, "t1")
    cloned = driver.ok("clone", "t1", "t2")
    assert "tcp:2222:22 stays t1's" in cloned.stdout + cloned.stderr
    driver.ok("set", "t2", "slirp.forward=[tcp:2222:22]")
    driver.fails(4, "start", "t2", says="in use by t1")
    driver.ok("stop", "t1")
    assert "has no connection" in driver.ok("start", "t2").stderr
    finish(driver, "t2", "t1")
    view.fs.unlink("/usr/local/lib/libslirp.so.0")


@scenario(sim_only=True)
def user_networking(driver: Bsdvirt, view: HostView) -> None:
    """An interface on no network of the host, and its exposed ports."""
    assert isinstance(view.host, SimHost)
    view.host.settings.install_libslirp()
    image(driver, view)
    driver.fails(2, "create", "jail", "j1", "--network", "slirp", says="a jail has none")
    driver.fails(4, "network", "create", "slirp", says="user networking")
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "--network", "slirp")
    driver.ok("expose", "t1", "8022:22", "5353:53/udp")
    driver.ok("start", "t1")
    until_login(driver, "t1")
    shown = driver.json("expose")
    assert [(row["expose"], row["by"], row["state"], row["to"]) for row in shown] == [
        ("tcp:8022:22", "bhyve", "active", ["10.0.2.15"]),
        ("udp:5353:53", "bhyve", "active", ["10.0.2.15"]),
    ]
    (card,) = driver.json("info", "t1")["nics"]
    assert card["network"] == "slirp" and "tap" not in card and card["mac"]
    assert driver.json("doctor") == []

    # What is exposed meanwhile is there after a reboot; another guest does not get the port.
    assert "next reboot" in driver.ok("expose", "t1", "9000:90").stderr
    assert [row["state"] for row in driver.json("expose")] == ["active", "active", "inactive"]
    driver.ok("create", "vm", "t2", "--image", "gold", *SMALL, "--network", "slirp")
    driver.fails(4, "expose", "t2", "9000:22", says="clashes with tcp:9000:90 of t1")
    ports = "slirp.forward=[tcp:8022:22@127.0.0.2]"
    driver.ok("set", "t2", "slirp.enabled=true", ports)
    (clash,) = driver.json("doctor")
    assert "tcp:8022:22@127.0.0.2 clashes with tcp:8022:22 of t1" in clash["message"]
    driver.ok("set", "t2", "slirp.enabled=", "slirp.forward=")
    driver.fails(2, "expose", "t2", "80:80", "--from", "10.0.0.0/8", says="from every address")
    driver.ok("restart", "t1")
    until_login(driver, "t1")
    assert {row["state"] for row in driver.json("expose")} == {"active"}
    driver.ok("expose", "t1", "--rm")
    assert driver.json("expose") == []

    # A card that is not open has no connection on this release, and the helper says nothing.
    driver.ok("set", "t2", "nics.0.open=no")
    driver.ok("expose", "t2", "8023:22")
    assert "has no connection" in driver.ok("start", "t2").stderr
    (silent,) = driver.json("expose", "t2")
    assert silent["state"] == "inactive" and "not open" in silent["why"]
    assert "nothing listens on tcp:8023:22" in driver.json("doctor", status=1)[0]["message"]
    finish(driver, "t2", "t1")
    view.fs.unlink("/usr/local/lib/libslirp.so.0")
