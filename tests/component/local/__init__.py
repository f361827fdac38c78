"""The servers of the local stack, as parts."""
