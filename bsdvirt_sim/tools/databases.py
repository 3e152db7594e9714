"""pwd_mkdb(8), cap_mkdb(1) and services_mkdb(8): each database is the text that it is made from."""

from __future__ import annotations

from bsdvirt_sim.context import Run

FIELDS = 10
"""Fields of a line of master.passwd(5)."""


def pwd_mkdb(run: Run, words: list[str]) -> int:
    """Run pwd_mkdb(8) -p -d."""
    run.changes()
    match words:
        case ["-p", "-d", directory, file]:
            pass
        case _:
            raise run.unknown()
    if not run.path(file).is_file():
        raise run.fail(f"pwd_mkdb: {file}: No such file or directory")
    text = run.path(file).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "+"))]
    for number, line in enumerate(lines, 1):
        if len(line.split(":")) != FIELDS:
            run.warn(f"pwd_mkdb: line #{number} too long" if len(line) > 8192 else
                     "pwd_mkdb: corrupted entry")  # fmt: skip
            raise run.fail(f"pwd_mkdb: at line #{number}")
    old = [line.split(":") for line in lines]
    public = "".join(":".join([f[0], "*", *f[2:4], *f[7:]]) + "\n" for f in old)
    place = run.path(directory)
    for name, content, mode in (
        ("master.passwd", text, 0o600), ("spwd.db", text, 0o600), ("passwd", public, 0o644),
        ("pwd.db", public, 0o644),
    ):  # fmt: skip
        (place / name).write_text(content)
        (place / name).chmod(mode)
    return 0


def cap_mkdb(run: Run, words: list[str]) -> int:
    """Run cap_mkdb(1) -f."""
    run.changes()
    match words:
        case ["-f", out, file] if run.path(file).is_file():
            run.path(f"{out}.db").write_text(run.path(file).read_text())
            return 0
    raise run.unknown()


def services_mkdb(run: Run, words: list[str]) -> int:
    """Run services_mkdb(8) -q -o."""
    run.changes()
    match words:
        case ["-q", "-o", out, file] if run.path(file).is_file():
            run.path(out).write_text(run.path(file).read_text())
            return 0
    raise run.unknown()
