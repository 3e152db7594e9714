"""Actions of networks, releases, images, media, pools, and of the host itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsdvirt.tui.actions.action import Action, Asks, Command, OnTerminal, Opens, Subject, Words
from bsdvirt.tui.actions.words import JAIL, names, only

NETWORKS = frozenset({"networks"})
LIBRARY = frozenset({"library"})
STORAGE = frozenset({"storage"})
UNCONFIRMED = frozenset({"unconfirmed"})
AVAILABLE = frozenset({"available"})
NOT_UP = frozenset({"down", "partial"})
OBJECTS = frozenset({
    "network", "forward", "pool", "dataset", "disk", "release", "image", "media", "profile",
    "available",
})  # fmt: skip
MOST_NAMED = 3


def _new(id: str, label: str, words: str, help: str, *, key: str = "",
         places: frozenset[str]) -> Action:  # fmt: skip
    return Action(
        id, label, Opens(f"form {words}"), verb=words.split()[0], key=key, places=places,
        changes=True, group="new", help=help,
    )  # fmt: skip


def _on(kind: str, id: str, label: str, do: Command | Asks | Opens, verb: str, help: str, *,
        key: str = "", states: frozenset[str] = frozenset(), loses: bool = False,
        refuses: Callable[[Subject], str] | None = None) -> Action:  # fmt: skip
    return Action(
        id, label, do, verb=verb, key=key, on=frozenset({kind}), states=states, many=False,
        loses=loses, changes=True, refuses=refuses, group=GROUP.get(kind, kind), help=help,
    )  # fmt: skip


GROUP = {
    "forward": "network", "disk": "devices", "profile": "image", "available": "release",
    "jail": "guest",
}  # fmt: skip
"""The group of actions on a kind, if it is not named after it."""


def _shown(words: Words) -> OnTerminal:
    return OnTerminal(words, waits=True)


def _in_use(subject: Subject) -> str:
    """Return why something is not removed: the guests that use it."""
    guests = list(getattr(subject.row, "guests", None) or ())
    if not guests:
        return ""
    more = f" and {len(guests) - MOST_NAMED} more" if len(guests) > MOST_NAMED else ""
    return f"used by {', '.join(guests[:MOST_NAMED])}{more}"


def _kept(subject: Subject) -> str:
    """Return why a pool is not removed."""
    first = getattr(subject.row, "first", False)
    return "the host file names it" if first else _in_use(subject)


def _hidden(subjects: Sequence[Subject]) -> list[str]:
    """Return the words that end a forward, which is named GUEST FORWARD."""
    return ["expose", "--remove", *subjects[0].name.split()]


def _grown(subjects: Sequence[Subject]) -> list[str]:
    """Return the words that grow a disk, without its size; it is named GUEST:DISK."""
    guest, _, disk = subjects[0].name.partition(":")
    return ["disk", "resize", guest, disk]


OF_OBJECTS: tuple[Action, ...] = (
    Action("object", "Show", Opens("object"), key="enter", on=OBJECTS, group="view",
           help="Show it in full, and what can be done to it."),
)  # fmt: skip


OF_NETWORKS: tuple[Action, ...] = (
    _new("create-network", "Create a network", "network create",
         "Create a network: a bridge, its addresses, NAT.", key="n", places=NETWORKS),
    _on("network", "set-network", "Change", Opens("form network set"), "network",
        "Change properties of a network.", key="e"),
    _on("network", "confirm-network", "Confirm", Command(names("network", "confirm")), "network",
        "Make the move of an address permanent.", key="c", states=UNCONFIRMED),
    _on("network", "revert-network", "Revert", Command(names("network", "revert")), "network",
        "Move an address back at once.", key="v", states=UNCONFIRMED),
    _on("network", "destroy-network", "Destroy", Command(names("network", "destroy")), "network",
        "Destroy a network that no guest is on.", key="D", loses=True, refuses=_in_use),
    _on("network", "network-up", "Bring up", Command(only("boot", "network")), "boot",
        "Bring up this network and all others that are down.", key="s", states=NOT_UP),
    _on("forward", "hide-forward", "End forwarding", Command(_hidden), "expose",
        "Forward this port no longer.", key="D"),
)  # fmt: skip

OF_LIBRARY: tuple[Action, ...] = (
    _new("fetch-release", "Fetch a release", "release fetch",
         "Download a release for jails.", key="v", places=LIBRARY),
    _new("add-release", "Add a release", "release add",
         "Add a release from a directory with base.txz and MANIFEST.", places=LIBRARY),
    _new("fetch-image", "Fetch an image", "image fetch",
         "Download a disk image for virtual machines.", key="F", places=LIBRARY),
    _new("import-image", "Import an image", "image import",
         "Import a disk image from a file of this host.", key="I", places=LIBRARY),
    _new("add-medium", "Add a medium", "media add",
         "Copy or download an ISO file for CD drives.", key="M", places=LIBRARY),
    Action("profiles", "Profiles of images", OnTerminal(only("image", "profiles"), waits=True),
           verb="image", places=LIBRARY, group="new", help="List the images that can be fetched."),
    _on("profile", "fetch-profile", "Fetch", Command(names("image", "fetch")), "image",
        "Download the image.", key="f", states=AVAILABLE),
    _on("available", "fetch-available", "Fetch", Command(names("release", "fetch")), "release",
        "Download the release.", key="f"),
    Action("create-from", "Create a guest", Opens("create"), verb="create", key="n",
           on=frozenset({"release", "image", "profile", "media"}), places=LIBRARY,
           changes=True, group="guest",
           help="Create a jail from the release, or a virtual machine from the image or medium."),
    _on("release", "update-release", "Update", Command(names("release", "update")), "release",
        "Update the release, for new jails.", key="u"),
    _on("release", "remove-release", "Remove", Command(names("release", "rm")), "release",
        "Remove a release that no jail uses.", key="D", loses=True,
        refuses=_in_use),
    _on("image", "remove-image", "Remove", Command(names("image", "rm")), "image",
        "Remove an image that no disk is a clone of.", key="D", loses=True,
        refuses=_in_use),
    _on("media", "remove-medium", "Remove", Command(names("media", "rm")), "media",
        "Remove a medium that is in no guest's drive.", key="D", loses=True,
        refuses=_in_use),
)  # fmt: skip

OF_STORAGE: tuple[Action, ...] = (
    _new("add-pool", "Add a pool", "pool add",
         "Add a pool for guests: create its dataset, or use an existing one.", key="n",
         places=STORAGE),
    _on("pool", "remove-pool", "Remove", Command(names("pool", "rm")), "pool",
        "Remove a pool from the list; its dataset is kept.", key="D", refuses=_kept),
    _on("disk", "grow-disk", "Grow", Asks(_grown, "SIZE"), "disk",
        "Grow the disk of a virtual machine.", key="e"),
    Action("quota", "Quota", Asks(names("set"), "quota=SIZE", offer=lambda subjects: "quota="),
           verb="set", key="Q", on=JAIL, places=STORAGE, changes=True, group="guest",
           help="Limit the space that a jail takes."),
)  # fmt: skip


def _host(id: str, label: str, do: Command | OnTerminal | Asks | Opens, verb: str,
          help: str, *, key: str = "", changes: bool = False) -> Action:  # fmt: skip
    return Action(id, label, do, verb=verb, key=key, changes=changes, group="host", help=help)


OF_HOST: tuple[Action, ...] = (
    _host("doctor", "Findings", Opens("findings"), "doctor",
          "Show the problems that doctor found, and repair them.", key="W"),
    _host("repair", "Repair the host", Command(only("doctor", "--repair")), "doctor",
          "Repair what bsdvirt manages.", changes=True),
    _host("boot-plan", "Boot plan", _shown(only("boot", "plan")), "boot",
          "Show the order in which guests start.", key="B"),
    _host("boot-status", "Boot status", _shown(only("boot", "status")), "boot",
          "Show the guests that start at boot, and whether they run."),
    _host("boot-start", "Start as at boot", Command(only("boot", "start")), "boot",
          "Start the guests that start at boot, in order.", changes=True),
    _host("boot-stop", "Stop as at shutdown", Command(only("boot", "stop")), "boot",
          "Stop all running guests, in order.", changes=True),
    _host("boot-network", "Bring up networks", Command(only("boot", "network")), "boot",
          "Bring up all networks, and connect running guests to them.", changes=True),
    _host("stats", "Resource usage", OnTerminal(only("stats")), "stats",
          "Resource usage of running guests; ^c returns."),
    _host("top", "Top", OnTerminal(only("top")), "top",
          "Watch the resource usage of running guests; q returns."),
    _host("limits", "Limits", _shown(only("limits")), "limits",
          "Show the limits of running guests, and how near they are."),
    _host("outdated", "Outdated", _shown(only("outdated")), "outdated",
          "List releases, jails and images that are outdated."),
    _host("init", "Set up this host",
          Asks(only("init"), "--pool POOL", offer=lambda subjects: "--pool zroot"), "init",
           "Set up the host: datasets, host file, a private network.", changes=True),
    _host("properties", "Properties",
          Asks(only("properties"), "jail, vm, network, host, pool, image or size",
               offer=lambda subjects: "jail"), "properties", "List all properties of a file."),
    _host("schema", "Schema",
          Asks(only("schema"), "FILE or VERB", offer=lambda subjects: "jail"),
          "schema", "Print the JSON Schema of a file, or of a verb's output."),
)  # fmt: skip

ACTIONS = (*OF_OBJECTS, *OF_NETWORKS, *OF_LIBRARY, *OF_STORAGE, *OF_HOST)
