"""A backup as a directory: what is in it, and how it comes to be whole or not at all."""
