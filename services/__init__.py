"""What we do: one folder per process, the same file names inside each.

`main.py` opens the rooms of `infrastructure` and binds them; every other file receives what it
needs as arguments typed by the Protocols of its service's `ports.py`.
"""
