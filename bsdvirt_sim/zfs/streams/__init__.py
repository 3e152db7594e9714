"""zfs send and zfs receive: streams of snapshots as bytes."""
