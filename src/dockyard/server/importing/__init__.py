"""Taking over what another registry has stored: its folder, without that registry running."""
