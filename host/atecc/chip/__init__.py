"""What is done with a chip: its configuration, locks, keys, and a rehearsal of it all on a simulated one."""
