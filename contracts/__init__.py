"""What we say to each other: the words every service shares.

Nothing here reads a file, a socket or a clock; it imports the standard library and msgspec only.
"""
