"""What projects demand: which tags they take, what they keep, how much they hold."""
