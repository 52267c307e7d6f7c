"""The management API: what people and programs do to a registry besides pushing and pulling, as JSON over HTTP."""
