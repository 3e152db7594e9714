"""The table of actions agrees with the command line."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from uitest import cli, end_vms, made

from bsdvirt.cli import main as command_line
from bsdvirt.cli.parser import Globals, parse
from bsdvirt.cli.words import OF_COMMANDS, VERBS
from bsdvirt.errors import BsdvirtError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.tui.actions.action import Action, Asks, Command, OnTerminal, Subject, why_not
from bsdvirt.tui.actions.here import GROUPS
from bsdvirt.tui.actions.places import KINDS, clash
from bsdvirt.tui.actions.table import ACTIONS, BY_ID, NOT_HERE
from bsdvirt.tui.opens import OPENERS
from bsdvirt_sim import SimHost

IDS = [action.id for action in ACTIONS]
RUNS = [action for action in ACTIONS if not hasattr(action.do, "name")]
TYPED = {
    "start-from": "disk0", "cp": "a g:/b", "rename": "other", "tag": "prod", "exec": "true",
    "set": "notes=x", "add-disk": "d --size 1G", "resize-disk": "disk0 2G", "insert": "x.iso",
    "remove-disk": "disk0", "destroy-disk": "disk0", "eject": "cd0", "add-nic": "--network lan",
    "remove-nic": "0", "mount": "/usr/src", "unmount": "src", "expose": "tcp:8080:80",
    "set-network": "nat=no", "create-network": "lan", "import-image": "x.raw --name x",
    "part-grow": "2G", "part-insert": "x.iso", "part-clone": "h",
    "add-medium": "x.iso", "fetch-image": "debian-13", "add-release": "/x", "add-pool": "tank/b",
    "grow-disk": "2G", "export": "/backup/g.bsdvirt", "import": "/backup/g.bsdvirt h",
    "send": "backup1",
}  # fmt: skip
"""What a user types, for the actions that ask."""


def test_every_verb_is_an_action() -> None:
    assert {action.verb for action in ACTIONS if action.verb} == VERBS.keys() - NOT_HERE.keys()


def test_ids_are_unique_and_every_action_has_a_sentence() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for action in ACTIONS:
        assert action.help.endswith("."), action.id
        assert action.group in GROUPS, action.id


def test_a_key_has_one_meaning_in_each_place() -> None:
    both = [
        (one.id, other.id)
        for one, other in itertools.combinations(ACTIONS, 2)
        if one.key and one.key == other.key and clash(one, other)
    ]
    assert both == []


def test_what_opens_is_known() -> None:
    assert {action.do.name for action in ACTIONS if hasattr(action.do, "name")} <= OPENERS.keys()


def _subjects(action: Action) -> list[Subject]:
    kind = min(action.on) if action.on else ""
    names = {"nic": "0", "forward": "g tcp:8080:80", "disk": "g:disk0", "snapshot": "a"}
    return [Subject("", kind, names.get(kind, "g"))] if kind else []


def _words(action: Action) -> list[str]:
    subjects = _subjects(action)
    if isinstance(action.do, Asks):
        typed = TYPED.get(action.id) or action.do.offer(subjects)
        return [*action.do.start(subjects), *typed.split()]
    assert isinstance(action.do, Command | OnTerminal)
    return action.do.words(subjects)


def _parsed(words: list[str]) -> Globals:
    return parse([], words[0], words[1:])


def _takes(action: Action, option: str) -> bool:
    """Return whether an action's command line can have an option too."""
    if action.verb in OF_COMMANDS:
        return False
    try:
        _parsed([*_words(action), option])
    except BsdvirtError:
        return False
    return True


@pytest.mark.parametrize("action", RUNS, ids=[action.id for action in RUNS])
def test_its_words_are_a_command_line_of_its_verb(action: Action) -> None:
    words = _words(action)
    assert words[0] == action.verb
    _parsed(words)
    # A verb that changes something has --dry-run; those that run commands in guests have not.
    changes = _takes(action, "--dry-run") or action.verb in (*OF_COMMANDS, "console")
    reads = action.verb in ("mount", "expose", "tag", "doctor") and not action.changes
    assert action.changes == (changes and not reads)


def test_what_loses_data_asks_on_the_command_line_or_removes_an_object() -> None:
    for action in RUNS:
        asks = _takes(action, "--yes")
        removes = any(word in ("rm", "destroy") for word in _words(action))
        if action.loses:
            assert asks or removes, action.id
        elif asks:
            # adopt, edit and import show what they do; a disk or pool that is removed is kept, and
            # so is the old root of an upgrade.
            shows = (
                "adopt", "edit", "import", "promote-standby", "remove-disk", "part-remove-disk",
                "upgrade", "upgrade-back",
            )  # fmt: skip
            assert action.id in shows, action.id


def test_many_are_for_verbs_that_take_several_guests() -> None:
    for action in RUNS:
        if not action.on or (isinstance(action.do, Command | Asks) and action.do.each):
            continue
        subjects = [Subject("", min(action.on), name) for name in ("a", "b")]
        assert isinstance(action.do, Asks | Command | OnTerminal)
        start = action.do.start if isinstance(action.do, Asks) else action.do.words
        words = [*start(subjects), *TYPED.get(action.id, "").split()]
        try:
            options = _parsed(words)
        except BsdvirtError:
            several = False
        else:
            several = len(getattr(options, "guests", getattr(options, "words", ()))) >= 2
        assert several if action.many else not (several and isinstance(action.do, Command)), action


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A host with a running and a stopped guest of each kind."""
    sim = made(tmp_path_factory.mktemp("table"))
    fs = SimHost(str(sim), Interrupt()).fs
    fs.mkdir("/usr/local/share/uefi-firmware")
    for file in ("BHYVE_UEFI_CODE.fd", "BHYVE_UEFI_VARS.fd"):
        fs.write(f"/usr/local/share/uefi-firmware/{file}", "code")
    cli(sim, "create", "vm", "mail", "off")
    cli(sim, "start", "mail")
    yield sim
    end_vms(sim)


GUESTS = {
    "web": ("jail", "running"), "db": ("jail", "stopped"), "mail": ("vm", "running"),
    "off": ("vm", "stopped"),
}  # fmt: skip
TRIED = [action for action in RUNS if action.on & {"jail", "vm"} and isinstance(action.do, Command)]


@pytest.mark.parametrize("action", TRIED, ids=[action.id for action in TRIED])
def test_kinds_and_states_are_those_the_verb_takes(host: Path, action: Action) -> None:
    assert isinstance(action.do, Command)
    for name, (kind, state) in GUESTS.items():
        subject = Subject("", kind, name, state)
        why = why_not(action, [subject])
        status, printed = _tried(host, action.do.words([subject]))
        if not why:
            # Whether there are variables to restore is not known before.
            assert status == 0 or "no variables were set aside" in printed, (name, printed)
        else:
            nothing = any(word in printed for word in ("already", "not running", "not paused"))
            assert status != 0 or nothing, (name, why, printed)


def _tried(sim: Path, words: list[str]) -> tuple[int, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = command_line.run(["--sim", str(sim), *words, "--dry-run"])
    return status, printed.getvalue()


def test_the_places_show_all_kinds() -> None:
    shown = frozenset().union(*KINDS.values())
    assert frozenset().union(*(action.on for action in ACTIONS)) <= shown
