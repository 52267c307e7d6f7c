"""`dockyard lint`: judging a Dockerfile."""
