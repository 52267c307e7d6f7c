"""RUN: a command in a container, and what it finds there."""
