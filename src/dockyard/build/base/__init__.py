"""Base images straight from a distribution's signed package archive."""
