"""dockyard.toml into steps into a record."""
