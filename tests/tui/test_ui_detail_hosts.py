"""What the detail asks is answered over ssh as in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from test_ui_hosts import two
from uitest import cli

from bsdvirt.tui.detail.summary import Shown, summary
from bsdvirt.tui.feed.local import LocalSource
from bsdvirt.tui.feed.queries.detail import EVENTS, FORWARDS, INFO, LOG, MOUNTS, PROCESSES
from bsdvirt.tui.feed.source import Query


def test_the_detail_of_a_guest_of_another_host(tmp_path: Path) -> None:
    _, there, source = two(tmp_path)
    cli(there, "start", "mail")
    local = LocalSource(str(there), read_only=True)
    queries: tuple[Query[Any], ...] = (MOUNTS, FORWARDS, PROCESSES, EVENTS)
    for query in queries:
        assert source.ask(query, "mail") == local.ask(query, "mail")
    log = source.ask(LOG, "mail", "--lines=3")
    assert log == local.ask(LOG, "mail", "--lines=3")
    assert log.text.count("\n") == 3
    assert source.ask(LOG, "mail", f"--before={log.begin}").end == log.begin
    assert source.ask(LOG, "mail", f"--after={log.end}").text == ""
    info = source.ask(INFO["jail"], "mail")
    lines = ["".join(text for text, _ in line) for line in summary(Shown(info))]
    assert " state          running" in lines


def test_a_virtual_machine_of_another_host(tmp_path: Path) -> None:
    _, there, source = two(tmp_path)
    cli(there, "create", "vm", "vm1", "--disk", "1G")
    info = source.ask(INFO["vm"], "vm1")
    assert info == LocalSource(str(there), read_only=True).ask(INFO["vm"], "vm1")
    assert info.disks[0].name == "disk0"
