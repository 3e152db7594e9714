"""Several hosts on one screen, over ssh."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from fakessh import fake_ssh
from uitest import WIDE, Ui, bare, cli, drive, made

from bsdvirt.errors import UsageError
from bsdvirt.host.ssh import checked_host, remote_command
from bsdvirt.tui.feed import ssh
from bsdvirt.tui.feed.ssh import SshSource


def two(tmp_path: Path) -> tuple[Path, Path, SshSource]:
    """Return this host, host b, and b as a source. b has one jail, mail."""
    here = made(tmp_path)
    (tmp_path / "there").mkdir()
    bare(tmp_path / "there")
    there = (tmp_path / "there" / "sim").rename(tmp_path / "b")
    cli(there, "create", "jail", "mail")
    return here, there, SshSource("b", ssh=fake_ssh(tmp_path))


def test_guests_of_other_hosts_are_shown_and_acted_on_there(tmp_path: Path) -> None:
    here, there, source = two(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web", "mail", "HOST")
        assert ui.line(" mail ").split()[0] == "b"
        ui.app.main.view.table.go_to(next(k for k in ui.app.main.view.table._order if k[0] == "b"))
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" mail "), "mail does not run")

    drive(here, flow, size=WIDE, others=[source])
    assert '"mail"' in cli(there, "ls", "state:running", "--json")
    assert '"mail"' not in cli(here, "ls", "--json")
    # One command at a time.
    assert not (tmp_path / "b.overlapped").exists()


def test_what_guests_of_other_hosts_use_is_read_there(tmp_path: Path) -> None:
    _, there, source = two(tmp_path)
    cli(there, "start", "mail")
    tick = source.tick()
    assert tick.notes == ()
    assert tick.sample is not None
    (mail,) = tick.sample.guests
    assert (mail.name, mail.processes) == ("mail", 2)


def test_a_host_that_does_not_answer_is_shown_so_and_hinders_nothing(tmp_path: Path) -> None:
    here, _, source = two(tmp_path)
    down = tmp_path / "b.down"
    down.touch()

    async def flow(ui: Ui) -> None:
        await ui.sees("web", "b does not answer", "Connection refused")
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" db "), "db does not run")
        down.unlink()
        await ui.sees("mail")
        await ui.misses("does not answer")
        # Its guests of the last reading stay where it is lost again.
        down.touch()
        await ui.sees("does not answer", "mail")

    drive(here, flow, size=WIDE, others=[source])


def test_one_connection_is_shared_and_ended(tmp_path: Path) -> None:
    here, _, source = two(tmp_path)
    assert source.connect() == ""

    async def flow(ui: Ui) -> None:
        await ui.sees("mail")

    drive(here, flow, others=[source])
    source.close()
    calls = [line.split("\t") for line in (tmp_path / "calls").read_text().splitlines()]
    paths = {word for call in calls for word in call if word.startswith("ControlPath=")}
    assert len(paths) == 1
    assert "-fN" in calls[0]
    assert calls[-1][-4:] == ["-O", "exit", "--", "b"]
    path = Path(paths.pop().removeprefix("ControlPath="))
    assert len(str(path)) < 100
    assert not path.parent.exists()


@pytest.mark.parametrize("word", ["-oProxyCommand=reboot", "", "a b", "a;b", "root@-x", "a\nb"])
def test_an_option_is_no_host(word: str) -> None:
    with pytest.raises(UsageError):
        checked_host(word)


@pytest.mark.parametrize(
    "word", ["b", "root@server.example.org", "ops@[2001:db8::1]", "fe80::1%em0"]
)
def test_hosts(word: str) -> None:
    assert checked_host(word) == word


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/csh"])
def test_words_reach_the_other_host_as_they_are(tmp_path: Path, shell: str) -> None:
    if not Path(shell).exists():
        pytest.skip(f"{shell} is not here")
    echo = tmp_path / "bsdvirt"
    echo.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    echo.chmod(0o755)
    words = ["set", "web", 'description=it\'s a! b $HOME `x` \\ "q" *', "", "ü"]
    env = {"PATH": f"{tmp_path}:/bin:/usr/bin", "HOME": str(tmp_path)}
    shown = subprocess.run([shell, "-c", remote_command(words)], env=env, capture_output=True)
    assert shown.stdout.decode() == "".join(f"{word}\n" for word in words)


def test_an_endless_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "MOST_BYTES", 1000)
    status, out, _ = ssh.run_bounded(["/usr/bin/yes"], 60)
    assert status != 0
    assert len(out) == 1001
