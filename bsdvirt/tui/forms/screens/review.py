"""The review of a form: the command, and what it would do, before it runs."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.host.sanitize import shown
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.forms.form import Form, Order

MOST_SHOWN = 64 * 1024
"""Characters of a plan that are shown."""
READING = "reading what it would do …"


class ReviewScreen(ModalScreen[Order | None]):
    """Shows a command and its plan; enter runs it."""

    covers: ClassVar = True
    """Nothing of the screen beneath is seen: it need not be drawn."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s,f2", "run", show=False, priority=True),
        Binding("escape", "back", show=False),
    ]
    DEFAULT_CSS = """
    ReviewScreen { layout: vertical; background: $background; }
    ReviewScreen #what, ReviewScreen #keys { height: 1; }
    ReviewScreen #command { height: auto; max-height: 5; padding: 0 1; }
    ReviewScreen VerticalScroll { height: 1fr; }
    ReviewScreen #plan { height: auto; padding: 0 1; }
    """

    def __init__(self, form: Form, order: Order) -> None:
        super().__init__()
        self.form = form
        self.order = order

    def compose(self) -> ComposeResult:
        styles = desk_of(self).palette
        keys = Text(" ", no_wrap=True)
        also = self.order.also
        others = ((also.key, also.label),) if also is not None else ()
        for key, word in (("enter", self.form.verb), *others, ("esc", "back")):
            keys.append(key, styles["accent"])
            keys.append(f" {word}  ", styles["text"])
        yield Static(Text(f" {self.form.title}: review", styles["heading"]), id="what")
        yield Static(Text(self.command, styles["good"]), id="command")
        with VerticalScroll():
            yield Static(Text(READING, styles["dim"]), id="plan", markup=False)
        yield Static(keys, id="keys")

    @property
    def command(self) -> str:
        """The command as typed in a shell."""
        return shlex.join(("bsdvirt", *self.order.words))

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        """Show what the command would do."""
        argv = desk_of(self).sources[self.form.host].argv([*self.order.words, "--dry-run"])
        styles = desk_of(self).palette
        text = Text()
        try:
            out, err, status = await _output(argv, self.order.secrets)
        except OSError as error:
            out, err, status = "", str(error.strerror), 1
        if status:
            text.append(f"{shown(err.strip())}\n\n", styles["bad"])
        out = self._without_secrets(out[:MOST_SHOWN])
        if (made := _file_of(out)) and self.form.file:
            text.append(f"{shown(made)}\n", styles["accent"])
        for line in out.splitlines():
            text.append(f"{shown(line)}\n", styles["dim" if line.startswith("#") else "text"])
        if not text.plain:
            text.append(f"{shown(err.strip()) or 'nothing is to be done'}\n", styles["dim"])
        self.query_one("#plan", Static).update(text)

    def _without_secrets(self, text: str) -> str:
        for secret in self.order.hidden:
            text = text.replace(secret, "********")
        return text

    def action_run(self) -> None:
        self.dismiss(self.order)

    def on_key(self, event: events.Key) -> None:
        also = self.order.also
        if also is not None and event.key == also.key:
            event.stop()
            self.dismiss(replace(self.order, words=(*self.order.words, *also.words)))

    def action_back(self) -> None:
        self.dismiss(None)


def _file_of(plan: str) -> str:
    """Return the text of the guest's file that a plan writes; "" if it writes none."""
    match = re.search(r"> \S*/guest\.yaml <<'EOF'\n(.*?)^EOF$", plan, re.DOTALL | re.MULTILINE)
    return match[1] if match is not None else ""


async def _output(argv: list[str], lines: tuple[str, ...]) -> tuple[str, str, int]:
    """Run a command with these lines as its input; return what it prints and its status."""
    child = await asyncio.create_subprocess_exec(
        *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = await child.communicate("".join(f"{line}\n" for line in lines).encode())
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    return out.decode(errors="replace"), err.decode(errors="replace"), child.returncode or 0
