"""A person's file changed by `set`: just the lines that the change is about."""

from __future__ import annotations

import difflib

import pytest

from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.load import load_jail
from bsdvirt.spec.paths import set_paths, split_assignments

TEXT = """\
# Wéb server
# kept by Ann

kind: jail
release: 14.2-RELEASE   # at least
description: 'a'

nics:
  # the office
  - network: lan  # cabled
    address: 10.0.0.5/24
  - network: dmz
limits:
  memoryuse: 512M # small
  # what follows is a guess
  pcpu: 50
exec:
  start:
    - /bin/sh /etc/rc
    - echo hi   # hi
stop: {grace: 3}
params:
  allow.raw_sockets: true
  # end of params
# the end
"""


def changed_lines(text: str, assignments: list[str]) -> list[str]:
    before = load_jail(text)
    after = set_paths(before, split_assignments(assignments))
    edited = edit_yaml(text, before, after)
    assert load_jail(edited) == after
    lines = difflib.unified_diff(text.splitlines(), edited.splitlines(), n=0, lineterm="")
    return [line for line in list(lines)[2:] if not line.startswith("@@")]


@pytest.mark.parametrize(
    ("assignments", "lines"),
    [
        (["limits.memoryuse=1G"], ["-  memoryuse: 512M # small", "+  memoryuse: 1G # small"]),
        (["limits.pcpu="], ["-  pcpu: 50"]),
        (["limits.maxproc=5"], ["+  maxproc: 5"]),
        (
            ["limits="],
            [
                "-limits:",
                "-  memoryuse: 512M # small",
                "-  # what follows is a guess",
                "-  pcpu: 50",
            ],
        ),
        (
            ["release=15.0"],
            ["-release: 14.2-RELEASE   # at least", "+release: '15.0'   # at least"],
        ),
        (
            ["nics.0.address=10.0.0.6/24"],
            ["-    address: 10.0.0.5/24", "+    address: 10.0.0.6/24"],
        ),
        (
            ["nics.0.network=wan"],
            ["-  - network: lan  # cabled", "+  - network: wan  # cabled"],
        ),
        (["nics.1.mtu=9000"], ["+    mtu: 9000"]),
        (["description=Größe: x"], ["-description: 'a'", "+description: 'Größe: x'"]),
        (["description="], ["-description: 'a'"]),
        (["stop.grace=5"], ["-stop: {grace: 3}", "+stop:", "+  grace: 5"]),
        (["allow.mlock=on"], ["+  allow.mlock: true"]),
        (["allow.raw_sockets="], ["-params:", "-  allow.raw_sockets: true"]),
        (["cpuset=0-3"], ["+cpuset: 0-3"]),
        (
            ["resolver.mode=own", "resolver.servers=9.9.9.9"],
            ["+resolver:", "+  mode: own", "+  servers:", "+  - 9.9.9.9"],
        ),
        (
            ["exec.start=echo"],
            ["-    - /bin/sh /etc/rc", "-    - echo hi   # hi", "+  - echo"],
        ),
        (
            ["nics.0="],
            [
                "-  # the office",
                "-  - network: lan  # cabled",
                "-    address: 10.0.0.5/24",
                "-  - network: dmz",
                "+- network: dmz",
            ],
        ),
        (
            ["limits.pcpu=60", "protected=on"],
            ["-  pcpu: 50", "+  pcpu: 60", "+protected: true"],
        ),
    ],
)
def test_only_the_lines_it_is_about(assignments: list[str], lines: list[str]) -> None:
    assert changed_lines(TEXT, assignments) == lines


def test_no_change_leaves_the_very_text() -> None:
    jail = load_jail(TEXT)
    assert edit_yaml(TEXT, jail, jail) == TEXT


def test_a_default_that_was_written_out_is_replaced() -> None:
    text = "kind: jail\nrelease: a\nprotected: no # for now\nstop:\n  timeout: 60 # usual\n"
    assert changed_lines(text, ["protected=on", "stop.grace=4"]) == [
        "-protected: no # for now",
        "+protected: true # for now",
        "+  grace: 4",
    ]


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        (
            "# mine\n\n{kind: jail, release: a}\n",
            "# mine\n\nkind: jail\nrelease: a\nprotected: true\n",
        ),
        ("release: a", "release: a\nprotected: true\n"),
        ("release: a\nprotected:  false\n", "release: a\nprotected:  true\n"),
        ("release: >-\n  a\n", "kind: jail\nrelease: a\nprotected: true\n"),
        ("release: a\r\nstop: {}\r\n", "release: a\r\nstop: {}\r\nprotected: true\n"),
    ],
)
def test_other_forms(text: str, edited: str) -> None:
    before = load_jail(text)
    after = set_paths(before, [("protected", "yes")])
    assert edit_yaml(text, before, after) == edited
    assert load_jail(edited) == after
