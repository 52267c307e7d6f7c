"""COPY and ADD: from sources into a layer."""
