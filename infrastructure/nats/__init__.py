"""Events in flight, on NATS JetStream: a delay line between the outbox and whoever reacts.

Its state may be lost at any time; nothing here is the only copy of anything.
"""
