"""The audit log: the events, read by whoever may, and proved to be all of them and unchanged."""
