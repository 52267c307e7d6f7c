"""Replication: images copied to or from other registries, by rule, as they come or on a schedule."""
