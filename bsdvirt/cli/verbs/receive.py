"""bsdvirt receive: the other side of bsdvirt send. It is run by ssh(1), not by people."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable

from bsdvirt.cli.common import add_dry_run, open_session
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import EXIT_OK, ConflictError, UsageError, as_told
from bsdvirt.ops.send.handed import adopt_given, answer_back
from bsdvirt.ops.send.offer import PromotedHereError, answer_offer
from bsdvirt.ops.send.receive import Complete, Drop, Stream
from bsdvirt.ops.send.source import own_id
from bsdvirt.ops.send.yielding import answer_yield
from bsdvirt.session.prepared import Request, carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.base import Spec
from bsdvirt.spec.load import identity_from_json
from bsdvirt.spec.send import (
    MOST_BYTES,
    Hand,
    Offer,
    Refusal,
    Yield,
    message_from_json,
    message_to_json,
)

MOST_WORDS = 8
MOVES = ("adopt", "back", "yield")
"""Actions that start, stop or give up a guest."""
ORIGINAL = "SSH_ORIGINAL_COMMAND"
"""What the client asked for, where sshd(8) runs a forced command."""


class Options(Globals):
    action: str | None
    words: list[str]
    from_ssh: bool
    allow_move: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", metavar="ACTION", help="offer, stream, …")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument(
        "--from-ssh", action="store_true",
        help="as a forced command in authorized_keys: do what the client asked for, if that is to"
        " receive a guest",
    )  # fmt: skip
    parser.add_argument(
        "--allow-move", action="store_true",
        help="with --from-ssh: also adopt and start a guest, and give one up",
    )  # fmt: skip
    add_dry_run(parser)


def run(options: Options) -> int:
    if options.from_ssh:
        options.action, *options.words = _asked(
            os.environ.get(ORIGINAL, ""), moves=options.allow_move
        )
    session = open_session(options, changes=True)
    match options.action, options.words:
        case "offer", []:
            return _answered(lambda: _offer(session))
        case "yield", []:
            return _answered(lambda: _yield(session))
        case "back", []:
            return _answered(lambda: _back(session))
        case "adopt", [name, uuid, "start" | "stay" as how]:
            adopt_given(session, name, uuid, start=how == "start")
            return EXIT_OK
        case "stream", [run_id, number, snapshot]:
            return _done(session, Stream(run_id, _number(number), snapshot))
        case "drop", [run_id, number]:
            return _done(session, Drop(run_id, _number(number)))
        case "complete", [run_id]:
            return _done(session, Complete(run_id))
    raise UsageError("receive is run by send, of another host", "bsdvirt send --help")


def _asked(line: str, *, moves: bool) -> list[str]:
    """Return the action and the words that an ssh client asked for. Raises UsageError for anything
    but `bsdvirt receive`."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    options = any(word.startswith("-") for word in words)
    if words[:2] != ["bsdvirt", "receive"] or not 3 <= len(words) <= MOST_WORDS or options:
        raise UsageError("this key may only receive guests", "see bsdvirt(8), send")
    if words[2] in MOVES and not moves:
        raise UsageError(
            "this key may only receive guests", "add --allow-move to its command in authorized_keys"
        )
    return words[2:]


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 5):
        raise UsageError(f"{word[:20]!r} is not a number", "bsdvirt send --help")
    return int(word)


def _done(session: Session, request: Request) -> int:
    carry_out_one(session, request)
    return EXIT_OK


def _answered(act: Callable[[], Spec]) -> int:
    """Print the answer as JSON, or why not."""
    try:
        answer, status = act(), EXIT_OK
    except Exception as raised:
        error = as_told(raised)
        promoted = isinstance(raised, PromotedHereError)
        answer = Refusal(
            error=error.message, hint=error.hint, code=error.exit_code, promoted=promoted
        )
        status = error.exit_code
    print(message_to_json(answer).decode())
    return status


def _message() -> bytes:
    return sys.stdin.buffer.read(MOST_BYTES + 1)


def _offer(session: Session) -> Spec:
    offer = message_from_json(Offer, _message(), "the offer")
    return answer_offer(session, offer, session.new_op)


def _yield(session: Session) -> Spec:
    asked = message_from_json(Yield, _message(), "the request")
    with session.locked("guest", str(asked.guest), "promote"):
        return answer_yield(session, asked)


def _back(session: Session) -> Spec:
    asked = message_from_json(Hand, _message(), "the request")
    identity = identity_from_json(asked.identity, "its identity")
    if own_id(session) in (asked.host, identity.host) or identity.host != asked.host:
        raise ConflictError("the request contradicts itself", "use one version on both hosts")
    with session.locked("guest", str(asked.name), "give back"):
        return answer_back(session, asked)
