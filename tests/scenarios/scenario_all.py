"""All scenarios: importing a module registers its own."""

from __future__ import annotations

import scenario_archives
import scenario_boot
import scenario_bounds
import scenario_breaking
import scenario_change
import scenario_clone
import scenario_cpus
import scenario_datasets
import scenario_dhcp
import scenario_down
import scenario_drift
import scenario_events
import scenario_history
import scenario_hooks
import scenario_hostile
import scenario_hosts_own
import scenario_images
import scenario_life
import scenario_main
import scenario_many
import scenario_migrate
import scenario_mounts
import scenario_network
import scenario_own
import scenario_passing
import scenario_pf
import scenario_pools
import scenario_reading
import scenario_references
import scenario_refusals
import scenario_rollback
import scenario_roots
import scenario_seeds
import scenario_setup
import scenario_snapshots
import scenario_stack
import scenario_systems
import scenario_tpm
import scenario_trouble
import scenario_twohalves
import scenario_update
import scenario_upgrade
import scenario_users
import scenario_verbs
import scenario_vm
import scenario_vm_ends
import scenario_vm_shared
import scenario_wiring
import scenario_words
from scenario_hosts import SCENARIOS

MODULES = (
    scenario_setup, scenario_life, scenario_bounds, scenario_breaking, scenario_many,
    scenario_network,
    scenario_pf, scenario_pools,
    scenario_change, scenario_reading, scenario_refusals, scenario_trouble,
    scenario_verbs, scenario_boot, scenario_mounts, scenario_hooks, scenario_seeds,
    scenario_passing, scenario_systems, scenario_tpm,
    scenario_wiring, scenario_stack, scenario_datasets, scenario_main, scenario_images,
    scenario_update, scenario_upgrade, scenario_rollback, scenario_archives,
    scenario_down, scenario_roots, scenario_users, scenario_hosts_own, scenario_drift,
    scenario_vm, scenario_vm_ends, scenario_vm_shared, scenario_hostile, scenario_words,
    scenario_own, scenario_dhcp, scenario_twohalves, scenario_references,
    scenario_cpus, scenario_events, scenario_history, scenario_snapshots, scenario_clone,
    scenario_migrate,
)  # fmt: skip

__all__ = ["MODULES", "SCENARIOS"]
