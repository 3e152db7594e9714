"""Make rows of the executor's events: bounded, and harmless for a terminal."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from bsdvirt.host.sanitize import MOST_TEXT, bounded, shown, tail
from bsdvirt.plan import events
from bsdvirt.plan.events import Event
from bsdvirt.plan.render import shell
from bsdvirt.plan.step import Action, Command, Copy, Pipeline, Plan, Step
from bsdvirt.rows import events as rows

MOST_SHELL = 65536
"""Characters of an action: a file that is written is shown in full."""
MOST_WORDS = 256


def words(argv: tuple[str, ...] | list[str]) -> list[str]:
    """Return the arguments of a command, bounded."""
    return [bounded(word, MOST_TEXT // 4) for word in argv[:MOST_WORDS]]


def row_of(event: Event) -> rows.Report | None:
    """Return the line of --events json for an event; None for what only the logs have."""
    about = {"op": event.op, "verb": event.verb, "subject": shown(event.subject)}
    match event:
        case events.Planned(plan=plan):
            return _planned(plan, about)
        case events.Started(steps=steps, kind=kind):
            return rows.Started(**about, kind=kind, steps=steps)
        case events.StepStarted(index=index, do=do, why=why):
            return rows.StepStarted(**about, index=index, action=_action(do), why=bounded(why))
        case events.Progress(why=why, done=done, total=total, unit=unit):
            return rows.Progress(**about, why=bounded(why), done=done, total=total, unit=unit)
        case events.ProgressEnded(why=why):
            return rows.ProgressEnded(**about, why=bounded(why))
        case events.StepDone(index=index, skipped=skipped):
            return rows.StepDone(**about, index=index, skipped=skipped)
        case events.Told(message=message):
            return rows.Told(subject=about["subject"], message=bounded(message))
        case events.Warned(message=message):
            return rows.Warned(**about, message=bounded(message))
        case events.Failed():
            return rows.Failed(
                **about,
                message=bounded(event.message),
                hint=bounded(event.hint),
                argv=words(event.argv),
                status=event.status,
                stderr=tail(event.stderr),
            )
        case events.Undone(do=do, error=error):
            return rows.Undone(**about, action=_action(do), error=bounded(error))
        case events.Finished(seconds=seconds, ok=ok):
            return rows.Finished(**about, seconds=round(seconds, 3), ok=ok)
    return None


def _planned(plan: Plan, about: dict[str, str]) -> rows.Planned:
    return rows.Planned(
        **about,
        kind=plan.kind,
        steps=[_step(step) for step in plan.steps],
        finish=[_step(step) for step in plan.finish],
        reason=bounded(plan.reason),
        notes=[bounded(note) for note in plan.notes],
    )


def _step(step: Step) -> rows.PlannedStep:
    argv, path = _parts(step.do)
    return rows.PlannedStep(
        shell=bounded(shell(step.do), MOST_SHELL),
        argv=argv,
        path=path,
        why=bounded(step.why),
        otherwise=[bounded(shell(undo.do), MOST_SHELL) for undo in step.remedy],
        tolerant=step.tolerant,
    )


def _action(do: Action) -> rows.Shown:
    argv, path = _parts(do)
    return rows.Shown(shell=bounded(shell(do), MOST_SHELL), argv=argv, path=path)


def _parts(do: Action) -> tuple[list[str] | UnsetType, str | UnsetType]:
    match do:
        case Command(argv=argv):
            return words(argv), UNSET
        case Pipeline(left=left, right=right):
            return words((*left, "|", *right)), UNSET
        case Copy(outer=outer):
            return UNSET, bounded(outer)
    root, path = getattr(do, "beneath", ""), getattr(do, "path", "")
    whole = f"{root}/{path}" if root else path
    return UNSET, bounded(whole) if whole else UNSET
