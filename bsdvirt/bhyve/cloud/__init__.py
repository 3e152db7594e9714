"""The seed that cloud-init or nuageinit(7) reads at a guest's first boot. Pure."""
