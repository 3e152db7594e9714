"""What a sample of the guests' usage costs, beside the commands that it runs.

    PYTHONPATH=. python3 bench/sample.py [GUESTS...] [--profile]

On a simulated host with that many running jails (100 and 500), anywhere. Prints the CPU time of the
simulated commands, that of bsdvirt's own work for one sample and its figures, their ratio, and
the number of commands; of several rounds the quickest, as others may use the machine. With
--profile, where bsdvirt's own time goes.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from bsdvirt.cpu.accounting import figures
from bsdvirt.host.base import Host, Result
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.session.session import Session
from bsdvirt_sim import SimHost

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 20
FIRST = "j1"


class Replay:
    """A host whose commands answer what they answered first, in no time."""

    def __init__(self, host: SimHost) -> None:
        self._host = host
        self._known: dict[tuple[str, ...], Result] = {}
        self.spent = 0.0
        self.ran = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def run(self, argv: Sequence[str], **rest: Any) -> Result:
        """Return the result of a command that only reads."""
        began = time.process_time()
        self.ran += 1
        key = tuple(argv)
        result = self._known.get(key)
        if result is None:
            result = self._known[key] = self._host.run(argv, **rest)
        self.spent += time.process_time() - began
        return result

    def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
        """Return what is a system call on a real host."""
        began = time.process_time()
        found = self._host.jail_cpus(jid)
        self.spent += time.process_time() - began
        return found


def populated(directory: Path, count: int) -> SimHost:
    """Return a simulated host with that many running jails: one that bsdvirt made, and copies."""
    sim = (sys.executable, "-m", "bsdvirt", "--sim", str(directory))
    for words in (("init", "--pool", "zroot"), ("create", "jail", FIRST, "--start")):
        subprocess.run((*sim, *words), cwd=ROOT, check=True, capture_output=True)
    host = SimHost(directory)
    with host.change() as state:
        (jail,) = state.jails.values()
        faces = [face for face in state.interfaces.values() if face.name.startswith("bv1n")]
        trees = {name: one for name, one in state.datasets.items() if f"/guests/{FIRST}" in name}
        for number in range(2, count + 1):
            name = f"j{number}"
            jid = state.last_jid = state.last_jid + 1

            def moved(text: str, name: str = name) -> str:
                return text.replace(f"/{FIRST}", f"/{name}")

            processes = [replace(one, pid=one.pid + 10 * number) for one in jail.processes]
            state.jails[jid] = replace(
                jail, jid=jid, name=name, path=moved(jail.path), processes=processes
            )
            for old, dataset in trees.items():
                state.serial += 1
                props = dict(dataset.props)
                if "bsdvirt:guest" in props:
                    identity = json.loads(props["bsdvirt:guest"])
                    props["bsdvirt:guest"] = json.dumps(identity | {"id": number})
                state.datasets[moved(old)] = replace(
                    dataset, guid=state.serial, props=props, mounted=moved(dataset.mounted)
                )
            for face in faces:
                state.last_index += 1
                end = face.name[-1]
                unit, peer = (f"epair{number}{one}" for one in (end, "ab"[end == "a"]))
                inside = jid if face.jail else 0
                label = f"bv{number}n0{end}"
                state.interfaces[f"{inside}:{label}" if inside else label] = replace(
                    face, name=label, unit=unit, peer=peer, index=state.last_index, jail=inside
                )
            file = host.fs.path(f"/bsdvirt/guests/{name}/guest.yaml")
            file.parent.mkdir(parents=True)
            file.write_bytes(host.fs.read_bytes(f"/bsdvirt/guests/{FIRST}/guest.yaml"))
    return host


def measured(host: SimHost, count: int) -> Callable[[], None]:
    """Measure, print, and return the work itself."""
    session = Session(cast(Host, host))
    kept = Kept()
    found = session.inventory(shallow=True)
    replay = Replay(host)
    session.host = cast(Host, replay)
    session.__dict__.pop("zfs", None)
    before = read_sample(session, found, kept)
    assert len(before.guests) == count, len(before.guests)
    assert all(guest.net_in is not None and guest.read is not None for guest in before.guests)
    began = time.process_time()
    replay.spent, replay.ran, replay._known = 0.0, 0, {}
    read_sample(session, found, kept)
    commands, ran = replay.spent, replay.ran
    total = time.process_time() - began

    def work() -> None:
        figures(before, read_sample(session, found, kept))

    own = []
    for _ in range(ROUNDS):
        replay.spent = 0.0
        began = time.process_time()
        work()
        own.append(time.process_time() - began - replay.spent)
    spent = min(own)
    print(
        f"{count} guests: {ran} commands, {commands * 1000:.0f} ms of the simulated host;"
        f" {spent * 1000:.1f} ms of bsdvirt, {100 * spent / commands:.1f} % of it"
        f" ({total * 1000:.0f} ms in all)"
    )
    return work


def main(words: list[str]) -> None:
    profile = "--profile" in words
    for count in [int(word) for word in words if word.isdigit()] or [100, 500]:
        with tempfile.TemporaryDirectory() as top:
            work = measured(populated(Path(top) / "host", count), count)
            if profile:
                profiler = cProfile.Profile()
                profiler.runcall(work)
                pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main(sys.argv[1:])
