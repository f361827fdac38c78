"""Caches before the gateway: content delivery networks, Varnish, or whatever hears a hook."""
