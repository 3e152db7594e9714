"""The user of a command in a jail: users without a home, roots without users or a shell."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

KEEP = "resolver.mode=keep"


def environment_of(driver: Bsdvirt, *words: str) -> dict[str, str]:
    said = driver.ok("exec", *words, "--", "env").stdout
    return dict(line.split("=", 1) for line in said.splitlines())


@scenario(each_release=True)
def users_with_and_without_a_home(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, "--start")
    for user in ("www", "nobody"):
        assert f"({user})" in driver.ok("exec", "-u", user, "t1", "--", "id").stdout
        assert driver.ok("exec", "-u", user, "t1", "--", "pwd").stdout == "/\n"
        told = environment_of(driver, "-u", user, "t1")
        assert (told["USER"], told["HOME"]) == (user, "/nonexistent")
    assert driver.ok("exec", "t1", "--", "pwd").stdout == "/root\n"
    told = environment_of(driver, "t1")
    assert (told["USER"], told["HOME"]) == ("root", "/root")
    assert "LC_ALL" not in told
    assert driver("exec", "-u", "www", "t1", "--", "sh", "-c", "exit 7").status == 7
    assert driver("exec", "-u", "www", "t1", "--", "no-such-command").status == 127
    absent = driver("exec", "-u", "no-such-user", "t1", "--", "id")
    assert absent.status == 1
    assert "no such user" in absent.stderr


@scenario(each_release=True)
def a_main_command_of_a_user_without_a_home(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "run=echo here; sleep 1000", "run_user=www", KEEP, "--start")
    assert driver.json("info", "t1")["main"]["state"] == "running"
    assert "here" in driver.ok("logs", "t1").stdout


@scenario(each_release=True)
def a_root_without_users_or_a_home(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--empty", "stack=none", "nics=", "--start")
    root = view.jail_root("t1")
    driver.fails(5, "console", "t1", says="no shell")
    driver.fails(125, "exec", "-u", "www", "t1", "--", "id", says="run it as root")
    program = "/rescue/hostname" if not view.simulated else "/bin/hostname"
    view.fs.mkdir(f"{root}/bin")
    view.do("/bin/cp", program, f"{root}/bin") if not view.simulated else view.fs.write(
        f"{root}/bin/hostname", "", 0o755
    )
    assert driver.ok("exec", "t1", "--", "/bin/hostname").stdout == "t1\n"
    assert driver("exec", "t1", "--", "/bin/no-such-program").status == 1
    driver.ok("stop", "t1", "--force")


@scenario(sim_only=True)
def a_shell_behind_a_link_of_the_roots_own(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--empty", "stack=none", "nics=", "--start")
    root = view.fs.path(view.jail_root("t1"))
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/sh").write_text("")
    (root / "bin").symlink_to("usr/bin")
    driver.ok("set", "t1", "boot.ready=true", "boot.auto=yes")
    assert driver.ok("exec", "t1", "--", "pwd").stdout == "/\n"
    assert "t1" in driver.ok("console", "t1", stdin="hostname\nexit\n").stdout
