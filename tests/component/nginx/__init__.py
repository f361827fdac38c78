"""The gateway: a real nginx between a client and stand-ins for the services and the shards."""
