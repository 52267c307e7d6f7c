"""Webhooks: telling others what happened, by HTTP, until they have understood it."""
