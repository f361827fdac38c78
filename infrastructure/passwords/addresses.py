"""E-mail addresses: which are ones, and when two are the same."""

from email_validator import EmailNotValidError, validate_email

from contracts.errors import InvalidField

LONGEST = 254
"""Characters (RFC 5321)."""


def read_email(text: str) -> str:
    """The address in its normal spelling. Raises InvalidField for what is none; asks no server whether it exists."""
    try:
        if len(text) > LONGEST:
            raise InvalidField("The e-mail address is too long.", field="email", limit=LONGEST)
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidField(f"The e-mail address can't be taken. {error}", field="email") from None


def email_key(text: str) -> str:
    """What an address is compared by: people write theirs in upper and lower case and mean the same."""
    try:
        return read_email(text).casefold()
    except InvalidField:
        return text[:LONGEST].casefold()
