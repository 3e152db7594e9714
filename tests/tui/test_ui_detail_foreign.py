"""A foreign guest in the detail: what a stranger has written is shown harmless."""

from __future__ import annotations

from bsdvirt.rows.guest import ForeignInfo
from bsdvirt.tui.detail.summary import Shown, summary

HOSTILE = "\x1b]0;owned\x07[bold]\u202e\n\tline"


def test_a_strangers_words_are_harmless_and_bounded_by_lines() -> None:
    info = ForeignInfo(
        name="web", kind="jail", state="foreign", id=None, jid=None, addresses=[], autostart=False,
        tags=[], release="", used=0, pool="zroot/bsdvirt", dataset="zroot/bsdvirt/guests/web",
        home="zroot/bsdvirt", root="zroot/bsdvirt", why=HOSTILE, adopt="bsdvirt adopt web",
        asks={HOSTILE: [{"a": HOSTILE}, HOSTILE]}, config={"description": HOSTILE, "nics": {}},
        datasets={"zroot/x": {HOSTILE: HOSTILE}},
    )  # fmt: skip
    lines = summary(Shown(info))
    text = "".join(piece for line in lines for piece, _ in line)
    assert not any(char in text for char in "\x1b\x07\u202e\n\t")
    assert "\\x1b]0;owned\\x07[bold]\\u202e\\n\\tline" in text
    assert "bsdvirt adopt web" in text
