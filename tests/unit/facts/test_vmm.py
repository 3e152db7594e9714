"""What the host shows of bhyve; the words are those of captures/01 and 05."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.facts.vmm import VmmFacts, read_emulator, read_paths, read_vmm, read_words
from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt.host.fs import Fs
from bsdvirt_sim import SimHost

SYSCTLS = {
    "kern.osreldate": "1302001",
    "hw.pagesize": "4096",
    "vm.max_user_wired": "1203004",
    "hw.vmm.maxcpu": "4",
    "hw.vmm.create": "beavis",
    "hw.vmm.vmx.initialized": "0",
    "hw.vmm.vmx.cap.unrestricted_guest": "0",
}


class Machine:
    """Answers kldstat(8) and sysctl(8)."""

    def __init__(self, root: Path, loaded: Sequence[str] = (), **sysctls: str) -> None:
        self.fs = Fs(root)
        self.loaded = loaded
        self.sysctls = {name: value for name, value in (SYSCTLS | sysctls).items() if value}

    def run(self, argv: Sequence[str], *, changes: bool, **_: Any) -> Result:
        assert not changes
        if argv[0] == tools.KLDSTAT:
            return Result(tuple(argv), 0 if " ".join(argv[2:]) in self.loaded else 1)
        known = {name: self.sysctls[name] for name in argv[1:] if name in self.sysctls}
        lost = [name for name in argv[1:] if name not in known]
        return Result(
            tuple(argv),
            1 if lost else 0,
            "".join(f"{name}: {value}\n" for name, value in known.items()),
            "".join(f"sysctl: unknown oid '{name}'\n" for name in lost),
        )

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"not asked for: {name}")


def test_a_host_with_vmm_on_amd(tmp_path: Path) -> None:
    (tmp_path / "dev/vmm").mkdir(parents=True)
    (tmp_path / "dev/vmm/web1").touch()
    facts = read_vmm(Machine(tmp_path, ["-m vmm", "-n vmm", "-m nmdm"]))
    assert facts.usable
    assert facts.nmdm
    assert not facts.useless
    assert facts.unrestricted
    assert facts.most_cpus == 4
    assert facts.wired == 1203004 * 4096
    assert facts.osreldate == 1302001
    assert facts.devices == {"web1"}


def test_before_the_modules_are_loaded(tmp_path: Path) -> None:
    gone = dict.fromkeys(name for name in SYSCTLS if name.startswith("hw.vmm"))
    facts = read_vmm(Machine(tmp_path, **dict.fromkeys(gone, "")))
    assert (facts.usable, facts.useless, facts.nmdm) == (False, False, False)
    assert facts.most_cpus is None
    assert facts.unrestricted
    assert facts.devices == frozenset()


def test_vmm_that_found_no_processor(tmp_path: Path) -> None:
    facts = read_vmm(Machine(tmp_path, ["-n vmm"]))
    assert (facts.usable, facts.useless) == (False, True)


def test_vmm_of_15_that_found_no_processor(tmp_path: Path) -> None:
    """As on a 15.1-RELEASE-p1 whose emulated processor has no NRIP Save."""
    facts = read_vmm(Machine(tmp_path, ["-m vmm", "-n vmm"], **{"hw.vmm.create": ""}))
    assert (facts.usable, facts.useless) == (False, True)


@pytest.mark.parametrize(("capable", "expected"), [("0", False), ("1", True)])
def test_intel_with_and_without_unrestricted_guests(
    tmp_path: Path, capable: str, expected: bool
) -> None:
    intel = {"hw.vmm.vmx.initialized": "1", "hw.vmm.vmx.cap.unrestricted_guest": capable}
    assert read_vmm(Machine(tmp_path, ["-m vmm"], **intel)).unrestricted is expected


def test_what_is_at_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.img").touch()
    (tmp_path / "link").symlink_to("a.img")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/seed").symlink_to("../a.img")
    (tmp_path / "d/broken").symlink_to("nowhere")
    paths = ["/a.img", "/link", "/broken", "/d", "/gone"]
    outside = {"/a.img": "file", "/link": "file", "/d": "directory"}
    assert read_paths(Fs(tmp_path), [*paths, "/d/seed", "/d/broken"], "/d") == {
        **outside, "/d/seed": "link", "/d/broken": "link",
    }  # fmt: skip
    assert read_paths(Fs("/"), ["/dev/null"], "/d") == {"/dev/null": "device"}


@pytest.mark.parametrize(
    ("release", "most", "wired", "osreldate"),
    [("13.2", 4, 1203004, 1302001), ("15.1", 2, 1603918, 1501000)],
)
def test_the_simulated_host_answers_too(
    release: str, most: int, wired: int, osreldate: int, tmp_path: Path
) -> None:
    facts = read_vmm(SimHost(tmp_path / "sim", release=release))
    assert facts == VmmFacts(
        usable=True, nmdm=True, most_cpus=most, wired=wired * 4096, osreldate=osreldate
    )


def test_words_of_bhyves_program(tmp_path: Path) -> None:
    """Which keys and emulators it has is not printed, but is in the program."""
    fs = Fs(tmp_path)
    assert read_words(fs, ["pcireg"]) is None
    assert read_emulator(fs)
    program = tmp_path / "usr/sbin/bhyve"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF\0lpc.fwcfg\0pci.enable_bars\0\xff")
    assert read_words(fs, ["pcireg", "pci.enable_bars"]) == frozenset({"pci.enable_bars"})
    assert not read_emulator(fs)
    program.write_bytes(b"\x7fELF\0tpm_swtpm_init\0")
    assert read_emulator(fs)
