"""Records what a running container really uses. Empty so far: eBPF recorders and slimming go in here."""
