"""Runs a container from an image: bundle, runc, network, health, logs, restart."""
