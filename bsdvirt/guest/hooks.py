"""The steps that run a guest's hooks at one event. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.errors import HostError
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.enter import EVERYTHING, SEARCH_PATH, Holds, enter
from bsdvirt.layout import HOOK_DIRECTORY, console_log
from bsdvirt.plan.step import Command, Step
from bsdvirt.spec.hooks import Event, EventHooks, lines_of

LEAST_SECONDS = 1.0

Problems = Mapping[str, str]
"""Why a hook of the host is not run, by its name; empty where it can be."""


def hook_steps(
    event: Event,
    hooks: EventHooks,
    guest: Guest,
    problems: Problems,
    *,
    share: float = 1.0,
    heed: bool = True,
    holds: Holds = EVERYTHING,
) -> tuple[Step, ...]:
    """The hooks in their order; a start asks the host first, a stop the guest.

    `holds` says what its root does. `share` of each timeout is what there is time for.
    Without `heed` none of them keeps the operation from going on. Raises HostError for a
    file that cannot be run and whose failure would end the operation; another such file is
    left out.
    """
    timeout = max(LEAST_SECONDS, hooks.timeout * share)
    fail = heed and hooks.policy == "fail"
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
                f"see to it, or set hooks.{event}.policy=warn",
            )
    inside = [
        step(f"`{line}` in the guest", *_inside(line, guest, holds)) for line in lines_of(hooks)
    ]
    return (*inside, *on_host) if event == "stopping" else (*on_host, *inside)


def _inside(line: str, guest: Guest, holds: Holds) -> tuple[str, ...]:
    """jexec(8) without -l keeps the environment; -U gives it the user's own of the jail's."""
    return (*enter(guest.name, holds), tools.SH, "-c", line, tools.SH, guest.name)


def _variables(event: Event, guest: Guest) -> tuple[str, ...]:
    """What env(1) sets."""
    identity = guest.identity
    told = {
        "NAME": guest.name,
        "KIND": identity.kind,
        "ID": str(identity.id),
        "UUID": identity.uuid,
        "EVENT": event,
        "PATH": guest.root,
        "ADDRESSES": " ".join(identity.addresses()),
    }
    return (f"PATH={SEARCH_PATH}", *(f"BSDVIRT_{key}={value}" for key, value in told.items()))
