"""When a measurement means nothing."""


class Spoilt(Exception):
    """What was to be measured did not happen, or something else did: the figure would be of that."""
