"""Decides from facts about an image: allow or deny, with reasons."""
