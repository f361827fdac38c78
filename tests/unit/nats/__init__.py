"""Events in flight, without a server."""
