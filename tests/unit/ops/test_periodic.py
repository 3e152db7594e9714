"""What is done from time to time: one job, and one process, does not stop another."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import HostError
from bsdvirt.ops import periodic
from bsdvirt.plan.locks import Lock
from bsdvirt.session.batch import Outcome
from bsdvirt.session.session import Session


def test_a_job_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bad(session: Session) -> list[Outcome]:
        raise HostError("it is broken")

    monkeypatch.setattr(periodic, "send_due", lambda session: [])
    monkeypatch.setattr(periodic, "JOBS", (bad, lambda session: [Outcome("web", "done")]))
    found = periodic.run_periodic(Session(FakeHost(tmp_path)))
    assert [(one.name, one.ok) for one in found] == [("periodic", False), ("web", True)]


def test_two_never_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "send_due", lambda session: [])
    monkeypatch.setattr(periodic, "JOBS", (lambda session: [Outcome("web", "done")],))
    session = Session(FakeHost(tmp_path))
    with Lock(session.host.fs, "periodic").acquire("snapshot periodic"):
        assert periodic.run_periodic(session) == []
    assert [one.name for one in periodic.run_periodic(session)] == ["web"]
