"""Small tools: uname, freebsd-version, tail, chmod, install, mv, devfs."""

from __future__ import annotations

import os
import shutil

from bsdvirt_sim.context import Run


def uname(run: Run, words: list[str]) -> int:
    """Run uname(1)."""
    run.reads()
    parts = {"r": run.state.release, "s": "FreeBSD", "m": "amd64"}
    letters = "".join(words).replace("-", "")
    if not letters or not set(letters) <= parts.keys() or not all(w.startswith("-") for w in words):
        raise run.unknown()
    run.print(" ".join(parts[letter] for letter in "srm" if letter in letters))
    return 0


def freebsd_version(run: Run, words: list[str]) -> int:
    """Run freebsd-version(1)."""
    run.reads()
    if words not in (["-ku"], ["-k"], ["-u"]):
        raise run.unknown()
    for letter in words[0][1:]:
        installed = run.state.installed if letter == "k" else run.state.userland
        run.print(installed or run.state.release)
    return 0


def true(run: Run, words: list[str]) -> int:
    """Run true(1)."""
    run.reads()
    return 0


def false(run: Run, words: list[str]) -> int:
    """Run false(1)."""
    run.reads()
    return 1


def tail(run: Run, words: list[str]) -> int:
    """Run `tail -c +N FILE` into a pipe: everything from byte N on."""
    run.changes()
    match words:
        case ["-c", start, file] if start.startswith("+") and start[1:].isdigit():
            try:
                with run.path(file).open("rb") as stream:
                    stream.seek(max(0, int(start[1:]) - 1))
                    shutil.copyfileobj(stream, run.passes())
            except OSError as error:
                raise run.fail(f"tail: {file}: {error.strerror}") from None
            return 0
    raise run.unknown()


def chmod(run: Run, words: list[str]) -> int:
    """Run chmod(1), with an octal mode."""
    run.changes()
    if len(words) != 2 or not words[0].isdigit():
        raise run.unknown()
    try:
        os.chmod(run.path(words[1]), int(words[0], 8))
    except OSError as error:
        raise run.fail(f"chmod: {words[1]}: {error.strerror}") from None
    return 0


def install(run: Run, words: list[str]) -> int:
    """Run install(1) of one file, with -S and a mode; its messages are those of xinstall.c."""
    run.changes()
    match words:
        case ["-S", "-m", mode, source, target] if mode.isdigit():
            pass
        case _:
            raise run.unknown()
    real = run.path(target)
    temporary = real.with_name("INS@install")
    culprit = source
    try:
        content = run.path(source).read_bytes()
        culprit = target
        temporary.write_bytes(content)
        temporary.chmod(int(mode, 8))
        os.replace(temporary, real)
    except OSError as error:
        raise run.fail(f"install: {culprit}: {error.strerror}", 71) from None
    return 0


def mv(run: Run, words: list[str]) -> int:
    """Run mv(1), replacing the target."""
    run.changes()
    if len(words) != 3 or words[0] != "-f":
        raise run.unknown()
    try:
        os.replace(run.path(words[1]), run.path(words[2]))
    except OSError as error:
        raise run.fail(f"mv: rename {words[1]} to {words[2]}: {error.strerror}") from None
    return 0


def devfs(run: Run, words: list[str]) -> int:
    """Run devfs(8): list rulesets, or apply a rule to one mounted /dev."""
    match words:
        case ["-m", path, "rule", "apply", "path", "shm", "unhide"]:
            run.changes()
            if not any(m.path == path and m.kind == "devfs" for m in run.state.mounts):
                raise run.unknown(f"no devfs at {path}")
            if any("linux_common" in module.names for module in run.state.modules):
                (run.path(path) / "shm").mkdir(exist_ok=True)
            return 0
        case ["-m", path, "rule", "apply", "path", "bpf" | "bpf0" as name, "unhide"]:
            run.changes()
            if not any(m.path == path and m.kind == "devfs" for m in run.state.mounts):
                raise run.unknown(f"no devfs at {path}")
            (run.path(path) / name).mkdir(exist_ok=True)
            return 0
    run.reads()
    sets = run.state.rulesets
    match words:
        case ["rule", "showsets"]:
            for number in sorted(sets, key=int):
                run.print(number)
        case ["rule", "-s", number, "show"]:
            # A ruleset that does not exist prints nothing, and is no error.
            for at, rule in enumerate(sets.get(number, []), start=1):
                run.print(f"{at * 100} {rule}")
        case _:
            raise run.unknown()
    return 0
