"""Actions of guests: power, shells, what they are, their end."""

from __future__ import annotations

from bsdvirt.tui.actions.action import GUESTS, Action, Asks, Command, OnTerminal, Opens
from bsdvirt.tui.actions.words import (
    ALL,
    DOWN,
    FOREIGN,
    JAIL,
    OFF,
    PAUSED,
    RUNNING,
    UP,
    VM,
    first_name,
    names,
    only,
)


def _power(id: str, label: str, key: str, *words: str, on: frozenset[str] = GUESTS,
           states: frozenset[str], help: str) -> Action:  # fmt: skip
    return Action(
        id, label, Command(names(*words)), verb=words[0], key=key, on=on, states=states,
        many=True, changes=True, group="power", help=help,
    )  # fmt: skip


POWER: tuple[Action, ...] = (
    _power("start", "Start", "s", "start", states=DOWN, help="Start the guests."),
    _power("stop", "Stop", "x", "stop", states=UP, help="Stop the guests in an orderly way."),
    _power("restart", "Restart", "r", "restart", states=UP, help="Stop and start the guests."),
    _power("pause", "Pause", "u", "pause", on=VM, states=RUNNING,
           help="Pause virtual machines: their CPUs stop, their memory stays."),
    _power("resume", "Resume", "U", "resume", on=VM, states=PAUSED,
           help="Resume paused virtual machines."),
    _power("stop-force", "Stop at once", "X", "stop", "--force", states=UP,
           help="Force the guests to stop: what they have not written is lost."),
    _power("reset", "Reset", "Z", "reset", on=VM, states=UP,
           help="Reset virtual machines, as by their button."),
    Action("start-from", "Start from a drive", Asks(names("start", after=["--boot"]), "DRIVE"),
           verb="start", on=VM, states=DOWN, changes=True, group="power",
           help="Boot from another drive or disk, this once."),
    Action("run", "Run in the foreground", OnTerminal(names("run"), waits=True), verb="run", on=VM,
           states=DOWN, changes=True, group="power",
           help="Run a virtual machine on this terminal, with what bhyve prints."),
    Action("reset-uefi", "Reset UEFI variables", Command(names("uefi", "reset")), verb="uefi",
           on=VM, states=DOWN, changes=True, group="power",
           help="Set the UEFI variables aside: the next start creates new ones."),
    Action("restore-uefi", "Restore UEFI variables", Command(names("uefi", "restore")),
           verb="uefi", on=VM, states=DOWN, changes=True, group="power",
           help="Restore the UEFI variables that were set aside."),
)  # fmt: skip

LEAVE = {"jail": "exit", "vm": "~. at the beginning of a line, or ctrl-],"}
"""How a console is left (supervise/client.py), by kind."""

INSIDE: tuple[Action, ...] = (
    Action("console", "Console", OnTerminal(names("console"), leave=LEAVE), verb="console",
           key="c", on=GUESTS, states=UP, changes=True, group="inside",
           help="A login shell in a jail, or a virtual machine's console."),
    Action("logs", "Console log", Opens("log"), verb="logs", key="l", on=GUESTS, group="inside",
           help="Follow what the guest prints."),
    Action("exec", "Run a command",
           Asks(names("exec", after=["--"]), "COMMAND …"), verb="exec", key="exclamation_mark",
           on=GUESTS, states=RUNNING, many=True, changes=True, group="inside",
           help="Run a command in the guests, and show what it prints."),
    Action("ps", "Processes", OnTerminal(names("ps"), waits=True), verb="ps", key="P", on=JAIL,
           states=RUNNING, group="inside", help="List the processes of a jail."),
    Action("cp", "Copy files", Asks(only("cp"), "FROM TO", offer=lambda s: f"{first_name(s)}:/"),
           verb="cp", key="C", on=GUESTS, changes=True, group="inside",
           help="Copy files into or out of a guest: GUEST:/PATH, or a file of the host."),
    Action("service", "Services", Asks(names("service"), "SERVICE ACTION", offer=lambda s: "-e"),
           verb="service", on=JAIL, states=RUNNING, changes=True, group="inside",
           help="Run service(8) in a jail."),
    Action("sysrc", "rc.conf", Asks(names("sysrc"), "NAME=VALUE …", offer=lambda s: "-a"),
           verb="sysrc", on=JAIL, changes=True, group="inside", help="Run sysrc(8) in a jail."),
    Action("pkg", "Packages", Asks(names("pkg"), "ARGUMENT …", offer=lambda s: "info"), verb="pkg",
           on=JAIL, changes=True, group="inside", help="Run pkg(8) for a jail."),
)  # fmt: skip

CARE: tuple[Action, ...] = (
    Action("detail", "Detail", Opens("detail"), verb="info", key="enter", on=ALL, group="guest",
           help="Show the guest in full."),
    Action("create", "Create", Opens("create"), verb="create", key="n",
           places=frozenset({"guests", "cpus"}), changes=True, group="guest",
           help="Create a jail or a virtual machine."),
    Action("form", "Edit", Opens("form"), verb="set", key="e", on=GUESTS, changes=True,
           group="guest", help="Change the guest's properties in a form."),
    Action("cpuset", "CPUs", Opens("cpuset"), verb="set", key="number_sign", on=GUESTS,
           changes=True, group="guest",
           help="Choose on the map which CPUs the guest may run on; it takes hold at once."),
    Action("edit", "Edit YAML", OnTerminal(names("edit"), waits=True), verb="edit", key="E",
           on=GUESTS, changes=True, group="guest",
           help="Edit the guest's file in $EDITOR; it is checked, and the change shown first."),
    Action("set", "Set properties", Asks(names("set"), "PROPERTY=VALUE …"), verb="set",
           key="equals_sign", on=GUESTS, many=True, changes=True, group="guest",
           help="Set properties of the guests."),
    Action("get", "YAML", OnTerminal(names("get"), waits=True), verb="get", key="y", on=GUESTS,
           group="guest", help="Show the guest's file."),
    Action("tag", "Tag", Asks(names("tag"), "TAG …", each=True), verb="tag", key="t", on=GUESTS,
           many=True, changes=True, group="guest", help="Add tags to the guests; -r removes."),
    Action("rename", "Rename", Opens("form rename"), verb="rename",
           key="R", on=GUESTS, states=DOWN | {"template"}, changes=True, group="guest",
           help="Rename a stopped guest."),
    Action("snapshot", "Snapshot", Command(names("snapshot", "create")), verb="snapshot", key="S",
           on=GUESTS, many=True, changes=True, group="guest",
           help="Take a snapshot of the guests, running or not."),
    Action("rollback", "Roll back",
           Asks(only("rollback"), "GUEST@SNAPSHOT", offer=lambda s: f"{first_name(s)}@"),
           verb="rollback", on=GUESTS, loses=True, changes=True, group="guest",
           help="Roll the guest back to a snapshot; a running one needs --stop or --restart."),
    Action("clone", "Clone", Opens("form clone"), verb="clone", key="K", on=GUESTS, changes=True,
           group="guest", help="Make another guest of this one, or of a snapshot of it."),
    Action("promote", "Promote", Command(names("promote")), verb="promote", on=GUESTS,
           changes=True, group="guest",
           help="Make a clone independent of the guest that it was made of."),
    Action("export", "Export", Asks(names("export"), "FILE"), verb="export", on=GUESTS,
           changes=True, group="guest", help="Write the guest to an archive, running or not."),
    Action("import", "Import", Asks(only("import"), "FILE NAME"), verb="import",
           places=frozenset({"guests"}), changes=True, group="guest",
           help="Create a guest from an archive; what it asks of this host needs --yes."),
    Action("adopt", "Adopt", OnTerminal(names("adopt"), waits=True), verb="adopt", key="a",
           on=FOREIGN, many=True, changes=True, group="guest",
           help="Adopt guests of another host; what they ask of this one is shown first."),
    Action("destroy", "Destroy", Command(names("destroy", "--yes")), verb="destroy", key="D",
           on=ALL, states=OFF, many=True, loses=True, changes=True, group="guest",
           help="Destroy the guests with all their data."),
    Action("destroy-force", "Destroy even if it runs",
           Command(names("destroy", "--force", "--yes")), verb="destroy",
           on=ALL, many=True, loses=True, changes=True, group="guest",
           help="Destroy the guests with all their data, even if they run or are in use."),
)  # fmt: skip

ACTIONS = (*POWER, *INSIDE, *CARE)
