"""The registry for many users. Today: one process on loopback."""
