"""zfs(8) and zpool(8), and the data of datasets and volumes."""
