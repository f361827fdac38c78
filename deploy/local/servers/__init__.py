"""The servers we stand on, as parts that can be started on this machine.

Every function that gives a `Part` is pure; `files` of a part are written before it starts.
"""
