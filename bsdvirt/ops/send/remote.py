"""bsdvirt on another host, by ssh(1): one connection for all commands of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bsdvirt.errors import BsdvirtError, ConflictError, HostError
from bsdvirt.host import tools
from bsdvirt.host.ssh import (
    NO_CONNECTION,
    NOT_FOUND,
    checked_host,
    connection,
    last_line,
    remote_command,
)
from bsdvirt.layout import RUN_DIRECTORY
from bsdvirt.session.session import Session
from bsdvirt.spec.base import Spec
from bsdvirt.spec.send import Refusal, message_from_json, message_to_json

Message = TypeVar("Message", bound=Spec)

ASK_SECONDS = 300.0
PERSIST = "60"
"""Seconds that the connection is kept after its last use."""
MOST_EXIT = 5


class SilentError(HostError):
    """The other host does not answer."""


class PromotedError(ConflictError):
    """The replica on the other host was promoted: the guest is that host's now."""


class Remote:
    """Another host, named as ssh(1) takes it. It is asked for no password: its key must be
    accepted."""

    def __init__(self, session: Session, host: str) -> None:
        self.host = checked_host(host, "")
        self._session = session
        # %C: a hash of all that the connection depends on (TOKENS in ssh_config(5)).
        self._ssh = connection(tools.SSH, f"{RUN_DIRECTORY}/ssh-%C", PERSIST)

    def argv(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the command that runs bsdvirt there."""
        how = ("-o", "ControlMaster=auto", "-o", "BatchMode=yes", "-a", "-x", "-T")
        return (*self._ssh, *how, "--", self.host, remote_command(words))

    def ask(self, action: str, message: Spec, answer: type[Message]) -> Message:
        """Send a message, and return the answer.

        Raises SilentError if the host does not answer, PromotedError, and BsdvirtError with what it
        says for a refusal.
        """
        said = self._session.host.run(
            self.argv(("receive", action)), changes=False, timeout=ASK_SECONDS,
            stdin=message_to_json(message),
        )  # fmt: skip
        if said.timed_out or said.status == NO_CONNECTION:
            why = last_line(said.stderr) if said.stderr else "no answer"
            raise SilentError(
                f"{self.host} does not answer: {why}", f"ssh -o BatchMode=yes {self.host} must work"
            )
        if said.status == NOT_FOUND:
            raise HostError(f"{self.host}: bsdvirt(8) was not found there", "pkg install bsdvirt")
        if said.status:
            raise self._refused(said.stdout, said.stderr)
        return message_from_json(answer, said.stdout, f"the answer of {self.host}")

    def _refused(self, text: str, errors: str) -> BsdvirtError:
        try:
            refusal = message_from_json(Refusal, text, f"the answer of {self.host}")
        except BsdvirtError:
            return HostError(
                f"{self.host}: the receiving bsdvirt: {last_line(errors)}",
                "install the same version on both hosts",
            )
        kind = PromotedError if refusal.promoted else ConflictError
        error = kind(f"{self.host}: {refusal.error}", refusal.hint)
        if 1 <= refusal.code <= MOST_EXIT:
            error.exit_code = refusal.code
        return error
