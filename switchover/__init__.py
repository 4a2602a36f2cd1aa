"""Live replacement of a running kernel: coordinator, phases, save-state map, images."""
