"""Names of datasets, directories, files and interfaces. Pure."""

from __future__ import annotations

from bsdvirt.record import Record
from bsdvirt.spec.digits import MAX_ID as MAX_ID
from bsdvirt.spec.digits import MAX_NICS as MAX_NICS

HOST_FILE = "/usr/local/etc/bsdvirt/bsdvirt.yaml"
NETWORK_DIRECTORY = "/usr/local/etc/bsdvirt/networks"
POOL_DIRECTORY = "/usr/local/etc/bsdvirt/roots"
"""The files of pools other than the first; they were called roots."""
HOOK_DIRECTORY = "/usr/local/etc/bsdvirt/hooks"
PROFILE_DIRECTORY = "/usr/local/etc/bsdvirt/images"
"""Image profiles of the administrator."""
SIZES_FILE = "/usr/local/etc/bsdvirt/sizes.yaml"
SYSTEMS_FILE = "/usr/local/etc/bsdvirt/systems.yaml"
RUN_DIRECTORY = "/var/run/bsdvirt"
CONF_DIRECTORY = f"{RUN_DIRECTORY}/jails"
FAILED_DIRECTORY = f"{RUN_DIRECTORY}/failed"
PF_DIRECTORY = f"{RUN_DIRECTORY}/pf"
TAKING_DIRECTORY = f"{RUN_DIRECTORY}/taking"
"""State of an interface whose address is being moved to a bridge, until that is confirmed."""
RUN_FILES = (CONF_DIRECTORY, FAILED_DIRECTORY, PF_DIRECTORY)
"""Directories of files of running guests, or from their last start."""
VM_DIRECTORY = f"{RUN_DIRECTORY}/vms"
DEVD_RULES = "/usr/local/etc/devd/bsdvirt.conf"
LOG_DIRECTORY = "/var/log/bsdvirt"
EVENT_LOG = f"{LOG_DIRECTORY}/events.log"
OPERATION_LOG = f"{LOG_DIRECTORY}/operations.log"
"""A line of JSON for each operation: see rows/events.py."""

GROUP = "bsdvirt"
"""Interface group of bsdvirt's interfaces."""

UEFI_VARIABLES = "uefi-vars.fd"
"""The file with a guest's firmware variables, in its directory."""

CHILDREN = ("state", "releases", "images", "media", "guests")
"""The datasets beneath a pool's dataset."""

HISTORIES = "state/stats"
"""The dataset of files of history, beneath the first pool's, once usage is recorded."""

HISTORY = ".ring"
"""The end of the names of files of history."""

FIRST_UNIT = 16384
"""First unit of bsdvirt's interfaces; the kernel's go to 32767 (IF_MAXUNIT, if_clone.h)."""
KEPT = ".old"
"""What the name of a root ends with that an upgrade has replaced."""


class Layout(Record):
    """A pool's dataset and its mount point."""

    dataset: str
    mountpoint: str
    named: str = ""
    """Name of its file; empty for the first pool."""
    first: str = ""
    """Mount point of the first pool, which has the media of all; empty for itself."""
    siblings: tuple[str, ...] = ()
    """Datasets of the other pools."""

    @property
    def name(self) -> str:
        """Name of the pool; the first is named after its zpool."""
        return self.named or self.dataset.split("/")[0]

    @property
    def state(self) -> str:
        """Directory of the journal."""
        return f"{self.mountpoint}/state"

    @property
    def histories(self) -> str:
        """Directory of what guests used in the past: one for all pools."""
        return f"{self.first or self.mountpoint}/{HISTORIES}"

    @property
    def history_dataset(self) -> str:
        """The dataset of that directory, of the first pool."""
        return f"{self.dataset}/{HISTORIES}"

    def history(self, uuid: str) -> str:
        """Return the file of what a guest used in the past: it stays over a change of name."""
        return f"{self.histories}/{uuid}{HISTORY}"

    def guest(self, name: str) -> str:
        return f"{self.dataset}/guests/{name}"

    def guest_directory(self, name: str) -> str:
        return f"{self.mountpoint}/guests/{name}"

    def guest_file(self, name: str) -> str:
        return f"{self.guest_directory(name)}/guest.yaml"

    def jail_root(self, name: str) -> str:
        """Return the dataset of a jail's root."""
        return f"{self.guest(name)}/root"

    def old_root(self, name: str) -> str:
        """Return the dataset of the root that a jail had before its last upgrade."""
        return f"{self.guest(name)}/root{KEPT}"

    def next_root(self, name: str) -> str:
        """Return the dataset of a root that is being made, until it is complete."""
        return f"{self.guest(name)}/root.new"

    def jail_root_directory(self, name: str) -> str:
        return f"{self.guest_directory(name)}/root"

    def disk(self, name: str, disk: str) -> str:
        """Return the zvol of a virtual machine's disk."""
        return f"{self.guest(name)}/{disk}"

    def image(self, name: str) -> str:
        """Return the zvol of an image."""
        return f"{self.dataset}/images/{name}"

    @property
    def media(self) -> str:
        """Directory of ISO files: one for all pools."""
        return f"{self.first or self.mountpoint}/media"

    def disk_device(self, name: str, disk: str) -> str:
        return zvol(self.disk(name, disk))

    def uefi_vars(self, name: str) -> str:
        """Return the path of the guest's firmware variables."""
        return f"{self.guest_directory(name)}/{UEFI_VARIABLES}"

    def tpm(self, name: str) -> str:
        """Return the directory with the state of the guest's TPM in software."""
        return f"{self.guest_directory(name)}/tpm"

    def seed(self, name: str) -> str:
        """Return the path of the guest's seed for cloud-init."""
        return f"{self.guest_directory(name)}/seed.iso"

    def medium(self, name: str) -> str:
        """Return the path of a medium."""
        return f"{self.media}/{name}"

    def release(self, name: str) -> str:
        return f"{self.dataset}/releases/{name}"

    @property
    def fetched(self) -> str:
        """Directory of downloads."""
        return f"{self.media}/dist"

    def incoming(self, name: str) -> str:
        """Return the dataset that streams of other tools are received into."""
        return f"{self.dataset}/incoming-{name}"

    def incoming_directory(self, name: str) -> str:
        return f"{self.mountpoint}/incoming-{name}"

    def release_directory(self, name: str) -> str:
        return f"{self.mountpoint}/releases/{name}"


def archive_job(name: str) -> str:
    """What is to be written into an archive of a guest, while it is exported."""
    return f"{RUN_DIRECTORY}/archive.{name}.json"


def snapshot_directory(directory: str, name: str) -> str:
    """Return where the contents of a mounted dataset at the time of a snapshot are."""
    return f"{directory}/.zfs/snapshot/{name}"


def pool_file(name: str) -> str:
    """Return the path of a pool's file."""
    return f"{POOL_DIRECTORY}/{name}.yaml"


def conf_file(name: str) -> str:
    """Return the jail.conf of a jail's current start."""
    return f"{CONF_DIRECTORY}/{name}.conf"


def job_file(name: str) -> str:
    """What the supervisor of a jail's main command is to run; there while the jail is."""
    return f"{CONF_DIRECTORY}/{name}.run"


def keeper_lock(name: str) -> str:
    """Held by the supervisor of a jail's main command."""
    return f"{RUN_DIRECTORY}/locks/keeper.{name}"


def main_file(name: str) -> str:
    """The state of a jail's main command, and how it ended last."""
    return f"{CONF_DIRECTORY}/{name}.main"


def main_pipe(name: str) -> str:
    """What a jail's main command prints, on its way to its log."""
    return f"{CONF_DIRECTORY}/{name}.out"


def failed_file(name: str) -> str:
    """File that says why the last start failed; removed by the next start."""
    return f"{FAILED_DIRECTORY}/{name}"


def vm_directory(name: str) -> str:
    """Directory of the files, locks and socket of a virtual machine's current run."""
    return f"{VM_DIRECTORY}/{name}"


def console_socket(name: str) -> str:
    return f"{vm_directory(name)}/console.sock"


def tap_cloner(guest_id: int, nic: int) -> str:
    """Name of a guest's tap before it is renamed."""
    return f"tap{unit(guest_id, nic)}"


def tap(guest_id: int, nic: int) -> str:
    """Name of the tap of a virtual machine's card."""
    return f"bv{guest_id}n{nic}"


def network_rules(name: str) -> str:
    """Name of a network's pf(4) anchor, and of its file."""
    return f"net-{name}"


def guest_rules(name: str) -> str:
    """Name of a guest's pf(4) anchor, and of its file."""
    return f"guest-{name}"


def pf_file(rules: str) -> str:
    """File of the rules that an anchor was loaded with."""
    return f"{PF_DIRECTORY}/{rules}.conf"


def guest_log_directory(name: str) -> str:
    return f"{LOG_DIRECTORY}/{name}"


def limits_log(name: str) -> str:
    """A line for each time that a guest has reached a limit: see libexec/limit-reached."""
    return f"{guest_log_directory(name)}/limits.log"


def console_log(name: str) -> str:
    return f"{guest_log_directory(name)}/console.log"


def bhyve_conf(name: str) -> str:
    """bhyve's -k file of the current start; it contains the VNC password."""
    return f"{vm_directory(name)}/bhyve.conf"


def first_conf(name: str) -> str:
    """bhyve's -k file of a first run that differs from later ones."""
    return f"{vm_directory(name)}/first.conf"


def first_variables(name: str) -> str:
    """Firmware variables of such a run, if it has others."""
    return f"{vm_directory(name)}/first-vars.fd"


def vnc_socket(name: str) -> str:
    """Socket of the guest's screen, for one that listens on no address."""
    return f"{vm_directory(name)}/vnc.sock"


def tpm_socket(name: str) -> str:
    """Socket at which bhyve finds the guest's TPM in software."""
    return f"{vm_directory(name)}/tpm.sock"


def tpm_pid(name: str) -> str:
    """File with the process number of that TPM; swtpm(8) writes it once the socket is there."""
    return f"{vm_directory(name)}/tpm.pid"


def run_file(name: str) -> str:
    """File with the supervisor's instructions."""
    return f"{vm_directory(name)}/run.json"


def state_file(name: str) -> str:
    """File with the state of the guest, written by the supervisor."""
    return f"{vm_directory(name)}/state.json"


def run_lock(name: str) -> str:
    """Lock held by bhyve while the guest runs. Never unlinked."""
    return f"{vm_directory(name)}/run.lock"


def supervisor_lock(name: str) -> str:
    """Lock held by the supervisor. Never unlinked."""
    return f"{vm_directory(name)}/supervisor.lock"


def supervisor_log(name: str) -> str:
    return f"{guest_log_directory(name)}/supervisor.log"


def last_file(name: str) -> str:
    """File that says how a virtual machine last ended."""
    return f"{guest_log_directory(name)}/last.json"


def bhyve_log(name: str) -> str:
    """Log of bhyve and its loader."""
    return f"{guest_log_directory(name)}/bhyve.log"


def zvol(dataset: str) -> str:
    """Return the device of a volume."""
    return f"/dev/zvol/{dataset}"


def network_file(name: str) -> str:
    return f"{NETWORK_DIRECTORY}/{name}.yaml"


def unit(guest_id: int, nic: int) -> int:
    """Return the unit of a guest's epair or tap."""
    return FIRST_UNIT + MAX_NICS * guest_id + nic


def epair(guest_id: int, nic: int) -> str:
    """Name of a guest's epair before it is renamed."""
    return f"epair{unit(guest_id, nic)}"


def host_end(guest_id: int, nic: int) -> str:
    """End of the epair that is a member of the bridge."""
    return f"bv{guest_id}n{nic}a"


def jail_end(guest_id: int, nic: int) -> str:
    """End of the epair that is in the jail."""
    return f"bv{guest_id}n{nic}b"


def console_device(guest_id: int, side: str) -> str:
    """One side of the guest's nmdm(4) pair: A is the guest's, B the supervisor's."""
    return f"/dev/nmdm-bv{guest_id}{side}"


def bridge_cloner(network_id: int) -> str:
    return f"bridge{FIRST_UNIT + network_id}"


def bridge_name(network_id: int) -> str:
    """The name of a network's own bridge."""
    return f"bvbr{network_id}"


def vlan_cloner(network_id: int) -> str:
    return f"vlan{FIRST_UNIT + network_id}"


def vlan_name(network_id: int) -> str:
    """The name of a network's own vlan(4) interface."""
    return f"bvvl{network_id}"


def taking_file(network: str) -> str:
    """File with the state before the host's address was moved for a network."""
    return f"{TAKING_DIRECTORY}/{network}.json"
