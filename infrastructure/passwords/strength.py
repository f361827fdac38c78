"""How easily a password is guessed, judged offline."""

import zxcvbn  # type: ignore[import-untyped]  # its stubs come separately, for one function

LOOKED_AT = 32
"""Characters that are judged: what follows makes no password weaker, and the judgement slower."""

ENOUGH = 2
"""Of zxcvbn's scores from 0 to 4: less is guessed with fewer than a million attempts, such as the 30,000 passwords that
are used most, a name or a date, each with a digit behind it.
"""


def is_guessable(password: str, email: str) -> bool:
    """Whether somebody who tries what people use most, or knows the address, would soon find it. Takes up to 0.4 s."""
    about = [email, *email.split("@")]
    return bool(zxcvbn.zxcvbn(password[:LOOKED_AT], user_inputs=about)["score"] < ENOUGH)
