"""Layers that are fetched once their content is needed."""
