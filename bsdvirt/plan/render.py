"""Render a plan as shell that can be pasted: the output of --dry-run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from bsdvirt.facts.dad import shown_by, wait_lines
from bsdvirt.host import tools
from bsdvirt.host.sanitize import has_controls
from bsdvirt.plan.step import (
    Action,
    Await,
    AwaitAddresses,
    Command,
    Copy,
    MakeDirectory,
    MergeRoot,
    Pipeline,
    Plan,
    PutBack,
    RemoveDirectory,
    RemoveFile,
    RemoveTree,
    Rename,
    Step,
    UnmountBeneath,
    WriteFile,
)


def shell(action: Action) -> str:
    """Return one action as a line of sh(1); a file as a here-document."""
    match action:
        case Command(argv=argv, log=log) if log:
            return f"{_join(argv)} >> {_quote(log)} 2>&1"
        case Command(argv=argv):
            return _join(argv)
        case Pipeline(left=left, right=right, limit=limit):
            stages = [left, tools.pump(limit) if limit else (), right]
            return " | ".join(_join(stage) for stage in stages if stage)
        case WriteFile():
            return _here_document(action)
        case PutBack(path=path, beneath=root, was=was):
            place = f"{root}/{path}"
            if was.link:
                return shlex.join(("ln", "-sfh", os.fsdecode(was.data), place))
            return f"# put back {place}: {len(was.data)} bytes, mode {was.mode:04o}"
        case RemoveFile(path=path, beneath=root):
            return _join(("rm", "-f", f"{root}/{path}" if root else path))
        case MakeDirectory(path=path, mode=mode, beneath=root) if root:
            return _join(("mkdir", "-m", f"{mode:04o}", f"{root}/{path}"))
        case RemoveDirectory(path=path, beneath=root):
            return _join(("rmdir", f"{root}/{path}"))
        case MakeDirectory(path=path, mode=mode):
            # -m is for the last directory only: those on the way are made with that mode, too.
            return f"(umask {0o777 & ~mode:04o} && {_join(('mkdir', '-p', path))})"
        case RemoveTree(path=path):
            return _join(("rm", "-rf", path))
        case UnmountBeneath(path=path, but=but, kinds=kinds):
            of = f" of {', '.join(kinds)}" if kinds else ""
            kept = f", but for {', '.join(but)}" if but else ""
            return f"# umount, the latest first, each{of} that mount -p shows below {path}{kept}"
        case Rename(path=path, to=to):
            return _join(("mv", path, to))
        case Copy(outer=outer, root=root, inner=inner):
            ends = (outer, root + inner) if action.inward else (root + inner, outer)
            return _join(("cp", "-Rp" if action.recursive else "-p", *ends))
        case MergeRoot(mine=mine, base=base, root=root):
            return f"# merge the changes of {mine} to {base} into {root}"
        case Await(path=path):
            return f"until test -e {_quote(path)}; do sleep 0.1; done"
        case AwaitAddresses(interface=interface, addresses=addresses):
            return " ".join(wait_lines([shown_by(interface)], addresses))


def _quote(word: str) -> str:
    """Quote a word for sh(1); with $'…' if it has characters that a terminal acts on."""
    if not has_controls(word):
        return shlex.quote(word)
    escaped = "".join(
        f"\\{byte:03o}" if byte < 0x20 or byte > 0x7E or byte in b"'\\" else chr(byte)
        for byte in word.encode("utf-8", "surrogateescape")
    )
    return f"$'{escaped}'"


def _join(words: Sequence[str]) -> str:
    return " ".join(map(_quote, words))


def _here_document(action: WriteFile) -> str:
    """Return the commands that write a file. A here-document always ends with a line feed; other
    contents are written by printf. install(1) creates the file with its mode first; FreeBSD's
    accepts only a regular file or /dev/null as source."""
    path = f"{action.beneath}/{action.path}" if action.beneath else action.path
    made = _join(("install", "-m", f"{action.mode:04o}", "/dev/null", path))
    into = f"> {_quote(path)}"
    if not action.content.endswith("\n") or has_controls(action.content):
        return f"{made} && {_join(('printf', '%s', action.content))} {into}"
    marker = "EOF"
    while marker in action.content.splitlines():
        marker += "_"
    return f"{made} && cat {into} <<'{marker}'\n{action.content}{marker}"


def plan_as_shell(plan: Plan) -> str:
    """Return a plan as shell, with comments that say why, and where undoing ends."""
    if plan.empty:
        return f"# {plan.verb} {plan.subject}: nothing to do: {' '.join(plan.reason.split())}\n"
    lines = [f"# {plan.verb} {plan.subject}"]
    lines += [line for step in plan.steps for line in _step(step)]
    if plan.finish:
        lines.append("# from here nothing is undone")
        lines += [line for step in plan.finish for line in _step(step)]
    lines += [f"# note: {' '.join(note.split())}" for note in plan.notes]
    return "\n".join(lines) + "\n"


def _step(step: Step) -> list[str]:
    otherwise = [f"# where that fails: {shell(undo.do)}" for undo in step.remedy]
    # Pasted into a shell that ends at the first failure, it goes on as we do.
    go_on = " || :" if step.tolerant else ""
    return [f"# {' '.join(step.why.split())}", shell(step.do) + go_on, *otherwise]
