"""Accounts and access: who may do what, how they show who they are, and the functions that change either."""
