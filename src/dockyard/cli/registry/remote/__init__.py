"""Verbs of `dockyard registry … --server`: each module speaks like the one of the server that it is named after, and
asks a registry's management API instead of its database.
"""
