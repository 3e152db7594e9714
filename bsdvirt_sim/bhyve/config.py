"""A guest's configuration as bhyve(8) reads it, and the errors bhyve reports in it.

The tree, its order and its messages are those of config.c and bhyverun.c of 13.2, checked against
`-o config.dump=1` in the captures.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable, Iterator

from bsdvirt_sim.bhyve import messages, unix
from bsdvirt_sim.context import Run, UnknownCommand

Tree = dict[str, "Tree | str"]
_KNOWN = re.compile(
    r"name|bootrom|bootvars|cpus|sockets|cores|threads|memory\.(size|wired|guest_in_core)|acpi_tables"
    r"|uuid|rtc\.use_localtime|keyboard\.layout|destroy_on_poweroff"
    r"|virtio_msix|config\.dump|gdb\..*|x86\.(strictmsr|strictio|vmexit_on_hlt|vmexit_on_pause"
    r"|x2apic|mptable)|lpc\.(bootrom|bootvars|com[1-4]\.path|pc-testdev)|vcpu\.\d+\.cpuset"
    r"|system\.(manufacturer|product_name|serial_number|sku|version|family_name)"
    r"|pci\.\d+\.\d+\.\d+\..+"
)
_FROM_15 = re.compile(
    r"lpc\.fwcfg|tpm\.(type|path|version)|pci\..+\.(bootindex|hostfwd)|acpi_tables_in_memory"
    r"|x86\.verbosemsr|pci\.enable_bars|pci\..+\.pcireg\.(vendor|device|revid|subvendor|subdevice)"
    r"|domains\.[0-7]\.(size|cpus|domain_policy)"
)
"""Keys that 13.2 does not know and ignores."""
_OLD_ROM = {"lpc.bootrom": "bootrom", "lpc.bootvars": "bootrom variable file"}
LIBSLIRP = "/usr/local/lib/libslirp.so.0"
_SIZE = re.compile(r"(\d+)([bBkKmMgGtT]?)")


class BadConfig(Exception):  # noqa: N818
    """bhyve ends with `status` and the message `text`."""

    def __init__(self, text: str, status: int = 4) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Config:
    """The configuration tree of a guest."""

    def __init__(self, defaults: Iterable[str] = ()) -> None:
        self.tree: Tree = {}
        for line in defaults:
            self.set(line)

    @classmethod
    def of_words(cls, run: Run, words: list[str]) -> Config:
        """Return the tree that `-k FILE -o KEY=VALUE … NAME` give. Raises BadConfig."""
        words_ = messages.of(run)
        config = cls(words_.defaults)
        rest = list(words)
        while len(rest) > 1:
            option, value = rest.pop(0), rest.pop(0)
            if option == "-k":
                config.read(run, value)
            elif option == "-o" and config.set(value):
                continue
            else:
                raise UnknownCommand(run.argv, f"bsdvirt gives bhyve a file, not {option}")
        if len(rest) != 1 or rest[0].startswith("-"):
            raise UnknownCommand(run.argv)
        if words_.plain_bootrom:
            config.replace_old_names(run)
        config.set(f"name={rest[0]}")
        return config

    def replace_old_names(self, run: Run) -> None:
        """Replace the old names of bhyve_optparse in 15.1, each with its warning."""
        for name in ("bootrom", "bootvars"):
            old = self.get(f"lpc.{name}")
            if old and not self.get(name):
                run.warn(f"bhyve: lpc.{name} is deprecated, use '-o {name}' instead")
                self.set(f"{name}={old}")

    def read(self, run: Run, path: str) -> None:
        """Read a file of `key=value` lines. The real bhyve ignores keys that it does not know;
        here they raise UnknownCommand, as bsdvirt must not write them. Raises BadConfig."""
        try:
            text = run.fs.read_text(path)
        except OSError as error:
            raise BadConfig(
                f"bhyve: Failed to open configuration file {path}: {error.strerror}"
            ) from None
        for number, line in enumerate(text.splitlines(), start=1):
            if not line or line.startswith("#"):
                continue
            if not self.set(line):
                raise BadConfig(f"bhyve: {path} line {number}: invalid config option '{line}'")
            key = line.partition("=")[0]
            late = _FROM_15.fullmatch(key)
            if not (_KNOWN.fullmatch(key) or late) or (late and run.state.osreldate < 1500000):
                raise UnknownCommand(run.argv, f"bhyve has no key {key}")

    def set(self, line: str) -> bool:
        """Set one `key=value`; return whether the line is one."""
        key, _, value = line.partition("=")
        if not value:
            return False
        *path, leaf = key.split(".")
        node = self.tree
        for part in path:
            below = node.setdefault(part, {})
            assert isinstance(below, dict), key
            node = below
        # A value that is set again moves to the end.
        node.pop(leaf, None)
        node[leaf] = value
        return True

    def get(self, key: str, default: str = "") -> str:
        """Return a value as bhyve reads it: with a `%` in it, backslashes escape (config.c)."""
        node: Tree | str = self.tree
        for part in key.split("."):
            if not isinstance(node, dict) or part not in node:
                return default
            node = node[part]
        assert isinstance(node, str), key
        return re.sub(r"\\(.)", r"\1", node) if "%" in node else node

    @property
    def name(self) -> str:
        name = self.tree["name"]
        assert isinstance(name, str)
        return name

    def dump(self) -> str:
        """Return the tree as `config.dump` prints it."""
        return "".join(f"{key}={value}\n" for key, value in _leaves(self.tree, ""))

    def number(self, key: str, default: int = 1) -> int:
        return int(self.get(key, str(default)))

    def memory(self) -> int:
        """Return bytes of memory: a plain number below 1 MiB counts MiB. Raises BadConfig."""
        text = self.get("memory.size")
        match = _SIZE.fullmatch(text)
        if match is None:
            raise BadConfig(f"bhyve: invalid memsize '{text}'", 64)
        number = (
            int(match[1]) << {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}[match[2].lower()]
        )
        return number if number >= 1 << 20 else number << 20

    def check_topology(self) -> None:
        """Raises BadConfig where the number of CPUs and the topology disagree."""
        cpus = self.number("cpus")
        parts = [self.number(key) for key in ("sockets", "cores", "threads")]
        if parts[0] * parts[1] * parts[2] != cpus:
            raise BadConfig(
                f"bhyve: Topology ({parts[0]} sockets, {parts[1]} cores, {parts[2]} threads) "
                f"does not match {cpus} vCPUs"
            )

    def check_cpus(self, run: Run) -> None:
        """Raises BadConfig where vmm(4) does not allow that many CPUs."""
        if self.number("cpus") > messages.most_cpus(run):
            raise BadConfig("bhyve: vm_set_topology", 71)

    def rom(self, run: Run) -> str:
        """Return the boot ROM; empty where a loader fills the memory."""
        return self.get("bootrom" if messages.of(run).plain_bootrom else "lpc.bootrom")

    def devices(self) -> Iterator[tuple[str, str]]:
        """Return the PCI devices in the order in which bhyve initialises them: (key, device)."""
        buses = self.tree.get("pci", {})
        assert isinstance(buses, dict)
        found: list[tuple[tuple[int, ...], str]] = []
        for bus, slots in buses.items():
            assert isinstance(slots, dict)
            for slot, functions in slots.items():
                assert isinstance(functions, dict)
                found += [((int(bus), int(slot), int(f)), f"{bus}.{slot}.{f}") for f in functions]
        for _, place in sorted(found):
            yield f"pci.{place}", self.get(f"pci.{place}.device")


def _leaves(tree: Tree, before: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield before + key, value


def check_devices(run: Run, config: Config) -> tuple[list[str], list[socket.socket]]:
    """Open what the devices need, in bhyve's order, and return the taps, and the sockets that it
    listens on. Raises BadConfig."""
    taps: list[str] = []
    links: list[socket.socket] = []
    known = messages.of(run).devices.split()
    if messages.of(run).plain_bootrom:
        # The ROM is loaded before any device is opened.
        for key, what in (("bootrom", "bootrom"), ("bootvars", "bootrom variable file")):
            if (path := config.get(key)) and not os.path.isfile(run.path(path)):
                raise BadConfig(f'Error opening {what} "{path}": No such file or directory')
    for key, device in config.devices():
        if device not in known:
            place = ":".join(key.split(".")[1:])
            raise BadConfig(f'pci slot {place}: unknown device "{device}"')
        if device in ("virtio-blk", "nvme"):
            _backing(run, config, key, device)
        elif device == "ahci":
            for port in range(32):
                if config.get(f"{key}.port.{port}.type"):
                    _backing(run, config, f"{key}.port.{port}", device)
        elif config.get(f"{key}.type") == "slirp":
            _helper(run)
        elif device in ("virtio-net", "e1000"):
            taps.append(_tap(run, config, key))
        elif device == "lpc":
            _lpc(run, config)
        elif device == "fbuf":
            if link := _screen(run, config, key):
                links.append(link)
            # pci_fbuf.c of both releases; seen on a real 15.1.
            run.out.append("fbuf frame buffer base: 0x365a6f200000 [sz 33554432]\n")
    return taps, links


def check_tables(config: Config) -> None:
    """Raises BadConfig as mptable_build does (mptbl.c)."""
    buses = {key.split(".")[1] for key, _ in config.devices()}
    if config.get("x86.mptable", "true") in ("true", "yes", "on", "1") and buses - {"0"}:
        raise BadConfig(
            "MPtable is incompatible with multiple PCI hierarchies.\n"
            "MPtable generation can be disabled by passing the -Y option to bhyve(8)."
        )


def open_tpm(run: Run, config: Config) -> socket.socket | None:
    """Return the connection to a TPM in software. Raises BadConfig as init_tpm does (tpm_device.c
    and tpm_emul_*.c of 15.1)."""
    if "tpm" not in config.tree:
        return None
    for key in ("version", "type"):
        if not config.get(f"tpm.{key}"):
            raise BadConfig(
                "Assertion failed: (value != NULL), function tpm_device_create, file"
                " /usr/src/usr.sbin/bhyve/tpm_device.c.",
                134,
            )
    path, kind = config.get("tpm.path"), config.get("tpm.type")
    if config.get("tpm.version") != "2.0":
        said = f"tpm_device_create: unsupported tpm version {config.get('tpm.version')}"
        raise _no_tpm(said, 22)
    if kind == "passthru":
        if not exists(run, path):
            raise _no_tpm(f'tpm_passthru_init: unable to open tpm device "{path}"', 2)
        return None
    if kind != "swtpm":
        raise _no_tpm(f'TPM emulation "{kind}" not found', 22)
    try:
        return unix.connect(run.path(path))
    except OSError:
        raise _no_tpm(f'tpm_swtpm_init: unable to connect to tpm socket "{path}"', 2) from None


def _no_tpm(said: str, error: int) -> BadConfig:
    return BadConfig(
        f"bhyve: {said}\nbhyve: init_tpm: unable to create a TPM device ({error})\n"
        "Failed to init TPM device"
    )


def _device_error(run: Run, text: str, error: str = "No such file or directory") -> BadConfig:
    return BadConfig(f"{text}\n{messages.of(run).not_initialised}: {error}")


def exists(run: Run, path: str) -> bool:
    """Whether a file or the device of a volume exists."""
    volume = run.dataset(path.removeprefix("/dev/zvol/")) if path.startswith("/dev/zvol/") else None
    return run.fs.exists(path) or (volume is not None and volume.kind == "volume")


def _backing(run: Run, config: Config, key: str, device: str) -> None:
    path = config.get(f"{key}.path")
    if not path and not (device == "nvme" and config.get(f"{key}.ram")):
        raise _device_error(run, 'Missing "path" for block device.')
    if path and not exists(run, path):
        # warn(3) of block_if, and then its caller's perror(3).
        raise _device_error(
            run,
            f"bhyve: Could not open backing file: {path}: No such file or directory\n"
            "Could not open backing file: No such file or directory",
        )


def helper_sockets(run: Run, config: Config) -> list[str]:
    """Return what the helpers of user networking listen on, each as sockstat(1) shows it: command,
    protocol, address and port (slirp-helper.c of 15.1).

    A helper writes to /dev/null and ends without a word, which bhyve does not see, where it finds
    no library, where a rule is wrong or its port is taken, and as root where the card is not open:
    it enters its sandbox first, and getpwnam(3) finds no user there.
    """
    found: list[str] = []
    for key, _ in config.devices():
        rules = config.get(f"{key}.hostfwd")
        if config.get(f"{key}.type") != "slirp" or not rules:
            continue
        wanted = [_socket(rule) for rule in rules.split(";")]
        busy = {line.partition(" ")[2] for line in (*run.state.sockets, *_forwarded(run))}
        lives = run.fs.exists(LIBSLIRP) and config.get(f"{key}.open") == "true"
        if lives and None not in wanted and not busy.intersection(filter(None, wanted)):
            found += [f"bhyve-slir {one}" for one in wanted]
    return found


def _forwarded(run: Run) -> list[str]:
    return [line for vmm in run.state.vmms.values() if vmm.pid for line in vmm.forwards]


def _socket(rule: str) -> str | None:
    """Return the protocol and address of a rule; None for one that the helper cannot read."""
    host, minus, guest = rule.partition("-")
    words = host.split(":")
    if not minus or len(words) != 3 or ":" not in guest:
        return None
    try:
        address = str(ipaddress.IPv4Address(words[1] or "0.0.0.0"))  # noqa: S104
    except ValueError:
        return None
    protocol = "udp4" if words[0] == "udp" else "tcp4"
    return f"{protocol} {'*' if address == '0.0.0.0' else address}:{words[2]}"  # noqa: S104


def _helper(run: Run) -> None:
    """User networking: bhyve fails where it cannot run its helper (net_backend_slirp.c of 15.1)."""
    if not run.fs.exists("/usr/libexec/bhyve-slirp-helper"):
        raise run.unknown("bhyve of this release has no backend slirp")


def _tap(run: Run, config: Config, key: str) -> str:
    name = config.get(f"{key}.backend")
    kind = config.get(f"{key}.type") or name
    face = run.interface(name)
    if not kind.startswith("tap") or face is None or face.kind != "tap":
        raise _device_error(run, f"open of tap device /dev/{name} failed")
    if face.opened:
        raise _device_error(run, f"open of tap device /dev/{name} failed", "Device busy")
    return name


def _screen(run: Run, config: Config, key: str) -> socket.socket | None:
    """Return the socket that VNC listens on, as rfb_init of 15.1 makes it: one that is there gives
    way, and this one stays. 13.2 takes `unix` for a host's address."""
    listens = config.get(f"{key}.rfb")
    if not listens.startswith("unix:"):
        return None
    path = listens.removeprefix("unix:")
    if not messages.of(run).plain_bootrom:
        raise _device_error(run, "getaddrinfo: Name does not resolve")
    if len(path) > unix.MOST:
        raise _device_error(run, "rfb: socket path too long")
    run.path(path).unlink(missing_ok=True)
    return unix.listen(run.path(path))


def _lpc(run: Run, config: Config) -> None:
    old = {} if messages.of(run).plain_bootrom else _OLD_ROM
    for key, what in old.items():
        path = config.get(key)
        if path and not os.path.isfile(run.path(path)):
            raise _device_error(run, f'Error opening {what} "{path}": No such file or directory')
    console = config.get("lpc.com1.path")
    if console and not re.fullmatch(r"/dev/nmdm.+A", console):
        raise _device_error(
            run, f"Unable to initialize backend '{console}' for LPC device com1", "Invalid argument"
        )
