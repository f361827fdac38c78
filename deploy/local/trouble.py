"""What goes wrong on this machine, told to the person in front of it."""


class Trouble(Exception):
    """Something stopped a command. `way_out` says what to do, `log` holds the last lines of the part that failed."""

    def __init__(self, sentence: str, *, way_out: str | None = None, log: str | None = None) -> None:
        self.sentence = sentence
        self.way_out = way_out
        self.log = log
        super().__init__(sentence)

    def __str__(self) -> str:
        """The sentence, the log's tail and the way out, as one text."""
        return "\n\n".join(text for text in (self.sentence, self.log, self.way_out) if text)
