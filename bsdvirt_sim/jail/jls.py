"""jls(8): named parameters as words, name=value pairs or JSON."""

from __future__ import annotations

import json

from bsdvirt_sim.context import Run
from bsdvirt_sim.jail import parameters
from bsdvirt_sim.libxo import quoted
from bsdvirt_sim.state import Jail


def jls(run: Run, words: list[str]) -> int:
    """Run jls(8)."""
    run.reads()
    as_json = False
    rest = list(words)
    if "--libxo" in rest:
        at = rest.index("--libxo")
        if rest[at + 1 : at + 2] != ["json"]:
            raise run.unknown()
        as_json = True
        del rest[at : at + 2]
    flags, wanted = set(), ""
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "-j":
            wanted = rest.pop(0)
            flags.add("j")
        elif set(word[1:]) <= set("dhnsv"):
            flags |= set(word[1:])
        else:
            raise run.unknown()
    dying = "d" in flags
    if "j" in flags:
        found = run.jail(wanted, dying)
        if found is None:
            raise run.fail(f'jls: jail "{wanted}" not found')
        jails = [found]
    else:
        jails = [jail for _, jail in sorted(run.state.jails.items()) if dying or not jail.dying]
    if "s" in flags:
        if rest or as_json:
            raise run.unknown()
        for jail in jails:
            run.print(_settings(run, jail))
        return 0
    if not rest:
        run.only_wide("jls without parameters is for people")
        _table(run, jails, "v" in flags, as_json)
        return 0
    for name in rest:
        if not parameters.of(run.state.version).known(name):
            raise run.unknown(f"parameter {name}")
    if as_json:
        if "n" not in flags:
            raise run.unknown("JSON without -n has no types")
        items = ", ".join("{" + _json(run, jail, rest) + "}" for jail in jails)
        run.print(_wrap(items))
        return 0
    if "h" in flags:
        run.print(" ".join(rest))
    for jail in jails:
        pairs = [(name, _word(run, jail, name, "n" in flags)) for name in rest]
        run.print(" ".join(text for _, text in pairs))
    return 0


def _wrap(items: str) -> str:
    return '{"__version": "2", "jail-information": {"jail": [' + items + "]}}"


def _json(run: Run, jail: Jail, names: list[str]) -> str:
    """Return the parameters of a jail as libxo writes them: lists are separated by a blank."""
    text = ""
    for name in names:
        if name in parameters.ADDRESSES:
            inner = ",".join(json.dumps(address) for address in parameters.addresses(jail, name))
            text += (", " if text else " ") + f'"{name}": [{inner}]'
            continue
        text += "," if text else ""
        if parameters.of(run.state.version).is_boolean(name):
            text += f'"{name}":{str(parameters.of(run.state.version).boolean(jail, name)).lower()}'
        else:
            value = parameters.of(run.state.version).value(run.state, jail, name)
            text += f'"{name}":{quoted(value)}'
    return text


def _word(run: Run, jail: Jail, name: str, pair: bool) -> str:
    if name in parameters.ADDRESSES:
        value = ",".join(parameters.addresses(jail, name))
        return f"{name}={value}" if pair else value or "-"
    if parameters.of(run.state.version).is_boolean(name):
        on = parameters.of(run.state.version).boolean(jail, name)
        if not pair:
            return str(on).lower()
        head, dot, last = name.rpartition(".")
        return name if on else f"{head}{dot}no{last}"
    value = parameters.of(run.state.version).value(run.state, jail, name) or '""'
    return f"{name}={value}" if pair else value


def _settings(run: Run, jail: Jail) -> str:
    """Run `jls -s`: print what a jail(8) command line would have."""
    words = []
    for name in parameters.of(run.state.version).all:
        parent = name.partition(".")[0]
        if (
            "." in name
            and parent in parameters.SYSTEMS
            and parameters.of(run.state.version).value(run.state, jail, parent) != "new"
        ):
            continue
        text = _word(run, jail, name, True)
        value = text.partition("=")[2]
        if value != '""' and any(character in value for character in " \t'\""):
            quote = '"' if "'" in value else "'" if '"' in value else '"'
            text = f"{name}={quote}{value}{quote}"
        words.append(text)
    return " ".join(words)


def _table(run: Run, jails: list[Jail], verbose: bool, as_json: bool) -> None:
    if as_json:
        items = ", ".join(
            "{" + f'"jid":{jail.jid},"ipv4":"{(jail.ip4 or [""])[0]}",'
            f'"hostname":{json.dumps(jail.params.get("host.hostname", ""))},'
            f'"path":{json.dumps(jail.path)}' + "}"
            for jail in jails
        )
        run.print(_wrap(items))
        return
    if verbose:
        run.print(f"   JID  Hostname{'':22}Path")
        run.print(f"        Name{'':26}State")
        run.print("        CPUSetID")
        run.print("        IP Address(es)")
    else:
        run.print(f"   JID  IP Address{'':6}Hostname{'':22}Path")
    for jail in jails:
        host = jail.params.get("host.hostname", "")
        if verbose:
            run.print(f"{jail.jid:6}  {host:<29.29} {jail.path:.74}")
            run.print(f"        {jail.name:<29.29} {'DYING' if jail.dying else 'ACTIVE'}")
            run.print(f"        {jail.cpuset}")
            for address in (*jail.ip4, *jail.ip6):
                run.print(f"        {address}")
        else:
            run.print(f"{jail.jid:6}  {(jail.ip4 or [''])[0]:<15.15} {host:<29.29} {jail.path:.74}")
