"""What a new password has to be."""

from contracts.errors import InvalidField
from services.write.ports import Passwords

SHORTEST, LONGEST = 10, 1024
"""In characters: enough against guessing together with the list of common ones, and a bound for the work."""


async def require_good_password(password: str, email: str, *, passwords: Passwords) -> None:
    """Passes for a password that will not be guessed. Raises `InvalidField`, `Unavailable`."""
    if not is_possible(password):
        raise InvalidField(
            f"A password has {SHORTEST} to {LONGEST} characters.", field="password", shortest=SHORTEST, longest=LONGEST
        )
    if await passwords.is_guessable(password, email):
        raise InvalidField("This password is too easy to guess. Choose another one.", field="password")


def is_possible(password: str) -> bool:
    """Whether a text can be anybody's password, by its length alone."""
    return SHORTEST <= len(password) <= LONGEST
