"""Logs, metrics and events on their way out. Fluent Forward, OTLP and Prometheus belong here, one file each."""
