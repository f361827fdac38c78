"""The local stack: what can be known without starting it."""
