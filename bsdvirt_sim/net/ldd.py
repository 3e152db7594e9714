"""ldd(1) of the network tools, and cp(1) of them into a jail's tmpfs."""

from __future__ import annotations

from bsdvirt_sim.context import Run

LINKED = {
    "/sbin/ifconfig": ("libm.so.5", "libutil.so.9", "libjail.so.1", "libnv.so.0", "libc.so.7"),
    "/sbin/route": ("libc.so.7",),
}


def ldd(run: Run, words: list[str]) -> int:
    """Run ldd(1), as 13.2 shows these two."""
    run.reads()
    if not words or not set(words) <= LINKED.keys():
        raise run.unknown()
    for word in words:
        run.print(f"{word}:")
        for library in LINKED[word]:
            run.print(f"\t{library} => /lib/{library} (0x2d6cf4948000)")
        run.print("\t[vdso] (0x7ffffffff000)")
    return 0


def cp(run: Run, words: list[str]) -> int:
    """Run cp(1) of the host's files into a tmpfs: only their names are kept."""
    run.changes()
    *files, place = words
    here = [mount for mount in run.state.mounts if mount.path == place]
    if not files or not here or here[-1].kind != "tmpfs":
        raise run.unknown()
    known = {*LINKED, "/libexec/ld-elf.so.1"}
    known |= {f"/lib/{name}" for names in LINKED.values() for name in names}
    for file in files:
        if file not in known:
            raise run.fail(f"cp: {file}: No such file or directory")
    run.state.copied[place] = sorted(files)
    return 0
