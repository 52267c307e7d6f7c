"""`dockyard registry …`: caring for a registry, on its own machine or through its API."""
