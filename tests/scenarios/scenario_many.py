"""Several jails in one command, and how they are selected."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

TEN = [f"t{number}" for number in range(10)]


@scenario()
def ten_jails_in_one_command(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", *TEN)
    driver.ok("start", *TEN)
    _ten_run(driver, view)
    driver.ok("stop", *TEN)
    assert not nothing_of(view, TEN)
    driver.ok("destroy", *TEN, "--yes")


@scenario()
def ten_jails_by_ten_processes(driver: Bsdvirt, view: HostView) -> None:
    for verb in (["create", "jail"], ["start"]):
        results = driver.all_at_once(*((*verb, name) for name in TEN))
        assert [result.status for result in results] == [0] * 10, "\n".join(map(str, results))
    _ten_run(driver, view)
    for verb in (["stop"], ["destroy", "--yes"]):
        results = driver.all_at_once(*((*verb, name) for name in TEN))
        assert [result.status for result in results] == [0] * 10, "\n".join(map(str, results))
    assert driver.json("ls") == []


def _ten_run(driver: Bsdvirt, view: HostView) -> None:
    rows = driver.json("ls")
    assert [row["name"] for row in rows] == TEN
    assert {row["state"] for row in rows} == {"running"}
    assert len({row["id"] for row in rows}) == 10
    addresses = {row["name"]: row["addresses"][0] for row in rows}
    assert len(set(addresses.values())) == 10
    infos = [driver.json("info", name) for name in TEN]
    assert len({info["nics"][0]["mac"] for info in infos}) == 10
    assert len({info["uuid"] for info in infos}) == 10
    network = driver.json("network", "info", "private")
    assert network["guests"] == TEN
    assert len(network["members"]) == 10
    for name, other in (("t0", "t9"), ("t9", "t0"), ("t3", "t4")):
        driver.ok("exec", name, "--", "ping", "-c1", "-t2", addresses[other])
    driver.ok("exec", "t5", "--", "ping", "-c1", "-t2", network["gateway"])
    several = driver.ok("exec", "--all", "--", "hostname").lines
    assert several == [line for name in TEN for line in (f"==> {name} <==", name)]
    assert sorted(set(view.jails()) - set(view.baseline["jails"])) == TEN


@scenario()
def the_same_name_twice_at_once(driver: Bsdvirt, view: HostView) -> None:
    results = driver.all_at_once(*[("create", "jail", "t1")] * 4)
    assert sorted(result.status for result in results) == [0, 4, 4, 4]
    results = driver.all_at_once(*[("start", "t1")] * 4)
    assert {result.status for result in results} <= {0, 4}
    assert 0 in {result.status for result in results}
    assert [row["state"] for row in driver.json("ls")] == ["running"]
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def names_patterns_and_states_choose(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "tweb1", "tweb2", "tdb1", "tdb2")
    driver.ok("start", "tweb*")

    def chosen(*words: str) -> list[str]:
        return [row["name"] for row in driver.json("ls", *words)]

    assert chosen() == ["tdb1", "tdb2", "tweb1", "tweb2"]
    assert chosen("tdb1") == ["tdb1"]
    assert chosen("tweb*") == ["tweb1", "tweb2"]
    assert chosen("t*[12]", "!*2") == ["tdb1", "tweb1"]
    assert chosen("state:running") == ["tweb1", "tweb2"]
    assert chosen("state:stopped", "!tdb2") == ["tdb1"]
    assert chosen("kind:jail") == chosen()
    assert chosen("kind:vm") == []
    assert chosen("state:running", "tdb1") == ["tdb1", "tweb1", "tweb2"]
    before = view.everything()
    driver.fails(3, "start", "tz*", says="tz*")
    driver.fails(3, "start", "tweb3", says="tweb1")
    driver.fails(2, "start", "colour:red", says="not a selector")
    driver.fails(2, "start", says="which guest")
    driver.fails(2, "stop", "--all", "tw*", says="--all")
    assert_same(before, view.everything())
    driver.ok("stop", "state:running", "!tweb2")
    assert chosen("state:running") == ["tweb2"]
    driver.ok("start", "--all")
    assert chosen("state:running") == chosen()
    driver.ok("restart", "tdb?")
    driver.ok("stop", "--all")
    assert chosen("state:stopped") == chosen()
    driver.ok("destroy", "tdb*", "!tdb2", "--yes")
    assert chosen() == ["tdb2", "tweb1", "tweb2"]
