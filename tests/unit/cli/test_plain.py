"""Plain command lines are parsed as argparse would parse them, and by nothing else."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.cli.main import split
from bsdvirt.cli.parser import parse
from bsdvirt.cli.plain import parse_plain
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts import jls
from bsdvirt.host.begun import Result
from bsdvirt.host.fs import Fs
from bsdvirt.jail.facts.started import started_root
from bsdvirt.layout import conf_file
from bsdvirt.plan import pending, step
from bsdvirt.spec.digits import is_guest_name
from bsdvirt.spec.types import GuestName

WORDS = (
    "ls", "exec", "--json", "-H", "web", "db-2", "--", "true", "-w", "--sim", "-x", "state:running",
    "Web", "", "--debug", "-d", "2", "--js", "-Hw", "--all", "-u", "stop",
)  # fmt: skip


def lines() -> list[tuple[str, ...]]:
    short = [line for size in (1, 2, 3) for line in itertools.product(WORDS, repeat=size)]
    return [
        *short,
        ("--sim", "dir", "ls", "--json"),
        ("--sim", "dir", "exec", "web", "--", "cat", "--json", "--"),
        ("exec", "web", "ls", "-l"),
        ("exec", "-u", "www", "web", "--", "id"),
        ("-v", "ls"),
        ("ls", "web", "-H", "db-2", "--json"),
    ]


def test_plain_lines_mean_what_argparse_makes_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BSDVIRT_SIM", "here")
    seen = 0
    for line in lines():
        before, verb, after = split(line)
        plain = parse_plain(before, verb, after)
        if plain is None:
            continue
        seen += 1
        options = parse(before, verb, after)
        for name, value in vars(options).items():
            if name not in ("secrets", "plans", "planned"):
                assert getattr(plain, name) == value, (line, name)
    assert seen > 100


@pytest.mark.parametrize(
    "line",
    ["ls -w", "ls --js", "ls state:running", "ls *", "-v ls", "exec --all -- true", "stop web",
     "exec -u www web -- id", "exec web db -- id", "exec", "ls -x", "--events json ls"],
)  # fmt: skip
def test_everything_else_is_left_to_argparse(line: str) -> None:
    assert parse_plain(*split(line.split())) is None


@pytest.mark.parametrize(
    "word",
    ["a", "web", "a-_9", "a" * 32, "a" * 33, "", "9a", "-a", "_a", "Web", "a.b", "a/b", "a b",
     "\u00e9", "a\u00e9", "a\n", "..", "\u0661", "a\u0661"],
)  # fmt: skip
def test_a_name_is_what_the_type_takes(word: str) -> None:
    try:
        good = GuestName.parse(word) == word
    except (BsdvirtError, ValueError):
        good = False
    assert is_guest_name(word) == good


def test_journals_are_of_what_plans_change() -> None:
    assert set(pending.KINDS) == set(step.Kind.__args__)  # type: ignore[attr-defined]


CONF = """# web: written by bsdvirt for this start; a change here is lost at the next.
web {
  path = '/bsdvirt/guests/web/root';
  exec.start = 'echo
  path = \\'/\\';
';
  persist;
}
"""
FOUND = (
    '{"jail-information": {"jail": [{"jid":"3","name":"web","path":"/bsdvirt/guests/web/root",'
    '"dying":false,"vnet":"new","cpuset.id":"5"}]}}'
)


class Asked(FakeHost):
    """A host whose jls(8) prints this."""

    def __init__(self, directory: Path, shown: str, status: int = 0) -> None:
        super().__init__(directory)
        self.prints, self.status = shown, status

    def run(self, argv: object, **_: object) -> Result:
        assert argv == (
            "/usr/sbin/jls", "--libxo", "json", "-j", "web", "-n", *jls.PARAMETERS
        )  # fmt: skip
        return Result(("jls",), self.status, self.prints)


@pytest.mark.parametrize(
    ("shown", "conf", "root"),
    [
        (FOUND, CONF, "/bsdvirt/guests/web/root"),
        # Another jail of that name, one that is not ours, a dying one, another one's answer.
        (FOUND.replace("guests/web", "other"), CONF, None),
        (FOUND, None, None),
        (FOUND.replace("false", "true"), CONF, None),
        (FOUND.replace('"web"', '"db"'), CONF, None),
        (FOUND, CONF.replace("/bsdvirt/guests/web/root", "/b\\'c"), None),
        (FOUND, CONF + "  path = '/';\n", None),
        (FOUND, "", None),
    ],
)
def test_a_jail_is_ours_by_its_name_and_the_root_of_its_start(
    shown: str, conf: str | None, root: str | None, tmp_path: Path
) -> None:
    fs = Fs(tmp_path)
    if conf is not None:
        fs.mkdir(conf_file("web").rpartition("/")[0])
        fs.write(conf_file("web"), conf)
    assert started_root(Asked(tmp_path, shown), "web") == root


def test_a_jail_that_does_not_run_is_left_to_the_listing(tmp_path: Path) -> None:
    assert started_root(Asked(tmp_path, "", 1), "web") is None
