"""What it takes to place many guests on the CPUs of a large host.

    PYTHONPATH=. python3 bench/placement.py [GUESTS...] [--machine NAME]

Anywhere: a simulated machine's topology is all that is needed. Prints the CPU time to place that
many guests (100 and 500), the number of sets that were put together, and the ratio to a plain
loop that gives each guest the least loaded CPUs, wherever they are; then the time to find the moves
after every other guest has gone. Of several rounds the quickest, as others may use the machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from random import Random

from bsdvirt.cpu.placement import Policy, Wish, board_of, place_all, want_of
from bsdvirt.cpu.rebalance import Claim, rebalance
from bsdvirt.cpu.regions import mask_of
from bsdvirt.cpu.topology import Topology, topology
from bsdvirt.facts.cpus.topology import TopologyFacts, parse_spec
from bsdvirt_sim.kernel.topology import MACHINES, spec

ROUNDS = 10
SIZES = (1, 2, 2, 4, 4, 8)


def topology_of(name: str) -> Topology:
    """Return the topology of a simulated machine."""
    machine = MACHINES[name]
    top = parse_spec(spec(machine.top, 16))
    facts = TopologyFacts(len(machine.top.cpus), machine.highest, machine.threads, top=top,
                          domains=machine.domains)  # fmt: skip
    return topology(facts)


def wishes_of(count: int) -> list[Wish]:
    """Return what the guests want: always the same."""
    draw = Random(1)  # noqa: S311
    return [Wish(f"g{number}", draw.choice(SIZES), "shared") for number in range(count)]


def plain_loop(host: Topology, wishes: Sequence[Wish]) -> None:
    """Give each guest the least loaded CPUs, wherever they are."""
    load = dict.fromkeys(host.cpus, 0)
    for wish in wishes:
        for cpu in sorted(load, key=lambda cpu: (load[cpu], cpu))[: wish.count]:
            load[cpu] += 1


def quickest(work: Callable[[], object]) -> float:
    """Return the least CPU time of several rounds, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times) * 1000


def sets_tried(host: Topology, wishes: Sequence[Wish]) -> int:
    """Return how many sets of CPUs are put together to place the guests."""
    board = board_of(host, [], Policy())
    for wish in wishes:
        if found := board.best(want_of(wish, "shared")):
            board.add(found.mask, wish.count)
    return board.tried


def measure(host: Topology, count: int) -> None:
    """Print the figures of so many guests."""
    wishes = wishes_of(count)
    placed = place_all(host, wishes, [], Policy())
    left = [Claim(name, one.cpus) for name, one in list(placed.items())[::2]]
    ours = quickest(lambda: place_all(host, wishes, [], Policy()))
    plain = quickest(lambda: plain_loop(host, wishes))
    moves = rebalance(host, left, [], Policy())
    moving = quickest(lambda: rebalance(host, left, [], Policy()))
    used = mask_of(cpu for one in placed.values() for cpu in one.cpus).bit_count()
    print(f"{count} guests on {used} of {len(host.cpus)} CPUs: {ours:.1f} ms,"
          f" {sets_tried(host, wishes)} sets, {ours / plain:.2f} times a plain loop;"
          f" {len(moves)} moves of {len(left)} guests found in {moving:.1f} ms")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("guests", nargs="*", type=int, default=[100, 500])
    parser.add_argument("--machine", choices=sorted(MACHINES), default="large")
    options = parser.parse_args()
    host = topology_of(options.machine)
    for count in options.guests:
        measure(host, count)


if __name__ == "__main__":
    main()
