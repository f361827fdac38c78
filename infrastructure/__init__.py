"""What we stand on: one room per backing service, its configuration and our adapter together.

Rooms never import each other; `env` and `telemetry` are for all of them.
"""
