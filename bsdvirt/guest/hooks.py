"""The steps that run a guest's hooks at one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bsdvirt.errors import HostError
from bsdvirt.facts.hooks import hook_problem
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.layout import HOOK_DIRECTORY, console_log
from bsdvirt.plan.events import Sink, Warned
from bsdvirt.plan.step import Command, Step
from bsdvirt.spec.hooks import INNER_FIRST, Event, EventHooks, lines_of

LEAST_SECONDS = 1.0

Problems = Mapping[str, str]
"""Why a hook on the host must not be run, by its name; those that may are not in it."""


def read_hook_steps(
    host: Host,
    sink: Sink,
    event: Event,
    hooks: EventHooks,
    guest: Guest,
    inside: Sequence[str],
    *,
    share: float = 1.0,
    honor: bool = True,
) -> tuple[Step, ...]:
    """Return the steps of a guest's hooks at an event, as `hook_steps` does. A file that must not
    be run and may fail is left out, with a warning."""
    problems = {str(hook): why for hook in hooks.host if (why := hook_problem(host, hook))}
    steps = hook_steps(event, hooks, guest, problems, share=share, honor=honor, inside=inside)
    for hook, why in problems.items():
        sink(Warned("", event, guest.name, f"hook {hook} was not run: {why}"))
    return steps


def hook_steps(
    event: Event,
    hooks: EventHooks,
    guest: Guest,
    problems: Problems,
    *,
    share: float = 1.0,
    honor: bool = True,
    inside: Sequence[str] = (),
) -> tuple[Step, ...]:
    """Return the hooks in order: at a start those on the host come first, at a stop those in the
    guest.

    `inside` is the argument list in front of a command that runs in the guest. Each timeout is
    cut to its `share`. With `honor=False`, a hook that fails does not end the operation. Raises
    HostError for a file that must not be run and whose failure would end the operation; any
    other such file is left out.
    """
    timeout = max(LEAST_SECONDS, hooks.timeout * share)
    fail = honor and hooks.policy == "fail"
    variables = _variables(event, guest)

    def step(what: str, *command: str) -> Step:
        title = f"hook {what} at {event}"
        argv = (tools.ENV, *variables, *command)
        do = Command(argv, timeout=timeout, log=console_log(guest.name), title=title)
        return Step(do, title, tolerant=not fail)

    on_host = []
    for hook in hooks.host:
        if not (wrong := problems.get(hook, "")):
            on_host.append(step(hook, f"{HOOK_DIRECTORY}/{hook}", guest.name))
        elif fail:
            raise HostError(
                f"{guest.name}: hook {hook}: {wrong}",
                f"correct it, or set hooks.{event}.policy=warn",
            )
    in_guest = [
        step(f"`{line}` in the guest", *inside, tools.SH, "-c", line, tools.SH, guest.name)
        for line in lines_of(hooks)
    ]
    return (*in_guest, *on_host) if event in INNER_FIRST else (*on_host, *in_guest)


def _variables(event: Event, guest: Guest) -> tuple[str, ...]:
    """Return the environment that env(1) sets."""
    identity = guest.identity
    values = {
        "NAME": guest.name,
        "KIND": identity.kind,
        "ID": str(identity.id),
        "UUID": identity.uuid,
        "EVENT": event,
        "PATH": guest.root,
        "ADDRESSES": " ".join(identity.addresses()),
    }
    return (
        f"PATH={tools.SEARCH_PATH}",
        *(f"BSDVIRT_{key}={value}" for key, value in values.items()),
    )
