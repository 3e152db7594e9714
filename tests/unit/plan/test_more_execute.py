"""The executor, where looking before an undo fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import CommandError
from bsdvirt.host import tools
from bsdvirt.plan import journal
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.step import Command, DatasetOwned, Plan, Step, Undo


def test_a_look_that_fails_while_undoing_hides_no_error(tmp_path: Path) -> None:
    """ZFS cannot be asked any more: HostError, which is no StepError."""
    (tmp_path / "state").mkdir()
    host = FakeHost(tmp_path)
    host.missing.add(tools.ZFS)
    host.fails["do b"] = [(1, "first\n")]
    owned = DatasetOwned("tank/x", "op1")
    steps = (
        Step(Command(("do", "a")), "", (Undo(Command(("undo", "a"))),)),
        Step(Command(("do", "b")), "", (Undo(Command(("undo", "b")), owned),)),
    )
    with pytest.raises(CommandError, match="first") as raised:
        Executor(host, "/state").run(Plan("try", "web", steps=steps, op="op1"))
    assert host.ran == ["do a", "do b", "undo a"]
    assert "ZFS is not here" in raised.value.hint
    assert len(journal.subjects(host.fs, "/state")) == 1
