"""Passwords and addresses of people: how they are hashed, and which ones are taken."""
