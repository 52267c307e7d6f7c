"""`dockyard build` and `debug`: words into a build, and how it looks while it goes on."""
