"""keys.yaml and tui.yaml: what they change, what is wrong in them, and that they are kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from uitest import Ui, drive, made

from bsdvirt.tui.actions.keys import Keymap, full_key, shown_key
from bsdvirt.tui.actions.table import ACTIONS
from bsdvirt.tui.keysfile import ReadKeys, read_keys, sample
from bsdvirt.tui.settings import Settings, SettingsFile, config_directory


def read(tmp_path: Path, text: str) -> ReadKeys:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    return read_keys([tmp_path / "none.yaml", path])


def test_keys_are_changed_by_action(tmp_path: Path) -> None:
    found = read(tmp_path, "start: f5\nstop: [x, f6]\nhelp: ''\nrestart:\nconsole: ^o\n")
    assert found.problems == []
    assert found.keys == {
        "start": ("f5",), "stop": ("x", "f6"), "help": (), "restart": (), "console": ("ctrl+o",)
    }  # fmt: skip
    assert Keymap(found.keys).keys_of(next(one for one in ACTIONS if one.id == "help")) == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("strat: s\n", "keys.yaml:1: no action strat (did you mean"),
        ("\nstart: boom\n", "keys.yaml:2: start: boom: no such key"),
        ("start: x\n", "keys.yaml:1: start: x is the key of stop"),
        ("start: f9\nstop: f9\n", "keys.yaml:2: stop: f9 is the key of start"),
        ("start: j\n", "keys.yaml:1: start: j: it moves the cursor"),
        ("start: {a: b}\n", "keys.yaml:1: start: not a key"),
        ("- start\n", "keys.yaml: not a list of ACTION: KEY"),
        ("start: [s\n", "keys.yaml: while parsing"),
    ],
)
def test_what_is_wrong_is_named_and_the_own_key_stays(tmp_path: Path, text: str, word: str) -> None:
    found = read(tmp_path, text)
    (problem,) = found.problems
    assert word in problem
    keymap = Keymap(found.keys)
    stop = next(one for one in ACTIONS if one.id == "stop")
    assert keymap.keys_of(stop) == ("x",)


def test_keys_may_be_swapped(tmp_path: Path) -> None:
    found = read(tmp_path, "start: x\nstop: s\n")
    assert found.problems == []


def test_the_later_file_wins(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("start: f5\nstop: f6\n")
    (tmp_path / "b.yaml").write_text("start: f7\n")
    found = read_keys([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    assert found.keys == {"start": ("f7",), "stop": ("f6",)}


def test_the_sample_is_valid_and_has_every_action(tmp_path: Path) -> None:
    text = sample()
    lines = [line[1:] for line in text.splitlines() if line.startswith("#") and ": " in line]
    named = [line for line in lines if line.split(":")[0] in {one.id for one in ACTIONS}]
    found = read(tmp_path, "\n".join(named))
    assert found.problems == []
    assert found.keys.keys() == {action.id for action in ACTIONS}
    for action in ACTIONS:
        assert found.keys[action.id] == ((action.key,) if action.key else ())


def test_keys_are_shown_as_on_a_keyboard() -> None:
    shown = {"slash": "/", "question_mark": "?", "ctrl+p": "^p", "escape": "esc", "x": "x",
             "greater_than_sign": ">", "enter": "enter"}  # fmt: skip
    for key, text in shown.items():
        assert shown_key(key) == text
        assert full_key(text) == key


def test_settings_are_kept_for_the_user_alone(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "bsdvirt" / "tui.yaml")
    assert file.load() == Settings()
    wanted = Settings(theme="light", plans="always", sort={"guests": "-cpu"})
    assert file.save(wanted) == ""
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert SettingsFile(file.path).load() == wanted
    assert [one.name for one in file.path.parent.iterdir()] == ["tui.yaml"]


@pytest.mark.parametrize("text", ["theme: pink\n", "bogus: 1\n", "interval: 0\n", "[", "- a\n"])
def test_a_broken_file_is_named_and_never_written(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tui.yaml"
    path.write_text(text)
    file = SettingsFile(path)
    assert file.load() == Settings()
    assert str(path) in file.problem
    assert file.save(Settings(theme="dark")) == file.problem
    assert path.read_text() == text


def test_the_place_of_the_files() -> None:
    assert config_directory({"XDG_CONFIG_HOME": "/x"}) == Path("/x/bsdvirt")
    assert config_directory({"XDG_CONFIG_HOME": "x"}).name == "bsdvirt"


def test_settings_are_changed_on_their_screen_and_kept(tmp_path: Path) -> None:
    sim = made(tmp_path)
    file = SettingsFile(tmp_path / "config" / "tui.yaml")

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("comma")
        await ui.sees("Seconds between readings")
        await ui.press("enter")
        await ui.until(lambda: "dark" in ui.line("Theme"))
        await ui.press("down", "down", "enter")
        await ui.until(lambda: "always" in ui.line("Plans"))
        await ui.press("escape")
        await ui.sees("plan first")

    drive(sim, flow, file=file)
    kept = yaml.safe_load(file.path.read_text())
    assert kept["theme"] == "dark"
    assert kept["plans"] == "always"


def test_changed_keys_and_what_is_wrong_are_seen(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web", "keys.yaml:1: no action x")
        await ui.press("f5")
        await ui.until(lambda: "running" in ui.line(" db "), "db does not run")

    problems = ["/etc/keys.yaml:1: no action x"]
    drive(sim, flow, keys={"start": ("f5",)}, problems=problems)
