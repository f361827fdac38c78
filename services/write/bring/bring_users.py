"""Bringing accounts along: ids, addresses and hashes of passwords stay what they were."""

from uuid import UUID

from contracts.accounts import Quota, User
from contracts.errors import EmailExists, InvalidField
from contracts.principals import SYSTEM
from services.write.bring.ports import Accounts, Known, OldUser, Original
from services.write.bring.report import Outcome, Problem, Step, Tally, Told
from services.write.ports import ReadEmail

PAGE = 200

BCRYPT = "$2"
"""How the hashes begin that a log-in can be judged by; they are replaced at the first one."""

LOCKED = "!"
"""Matches no password. `chitram users password` sets one."""


async def bring_users(
    *, original: Original, known: Known, accounts: Accounts, read_email: ReadEmail, tally: Tally, told: Told, step: Step
) -> None:
    """Old accounts -> new ones, under their ids; what came before is passed over. Raises `Unavailable`.

    Two accounts whose addresses differ in case alone, or an address that somebody has here, are told of and left to the
    operator: nobody gets what may be another's.
    """
    after = ""
    while page := await original.users(after, PAGE):
        after = page[-1].id
        ids = {old.id: user_id for old in page if (user_id := as_id(old.id))}
        there = await known.users(list(ids.values()))
        for old in page:
            user_id = ids.get(old.id)
            outcome, reason = (
                (Outcome.THERE, "")
                if user_id in there
                else await _bring(old, user_id, accounts=accounts, read_email=read_email)
            )
            tally.users[outcome] += 1
            step("users")
            if reason:
                told(Problem("user", old.id, outcome, reason))
            elif outcome is Outcome.IMPORTED and _hash_of(old) == LOCKED:
                tally.locked += 1


async def _bring(
    old: OldUser, user_id: UUID | None, *, accounts: Accounts, read_email: ReadEmail
) -> tuple[Outcome, str]:
    if user_id is None:
        return Outcome.UNUSABLE, "its id is no UUID"
    try:
        email = read_email(old.email)
        user = User(user_id, email, old.created_at)
        await accounts.insert(user, SYSTEM, email_key=email.casefold(), password_hash=_hash_of(old), quota=Quota())
    except InvalidField as error:
        return Outcome.UNUSABLE, error.detail
    except EmailExists:
        return Outcome.TAKEN, "another account has this address, perhaps in other letters"
    return Outcome.IMPORTED, ""


def _hash_of(old: OldUser) -> str:
    """What the account is logged in to by. One that was switched off can't be."""
    usable = old.is_active and old.password_hash and old.password_hash.startswith(BCRYPT)
    return old.password_hash if usable and old.password_hash else LOCKED


def as_id(text: str | None) -> UUID | None:
    """The id in a text; None when it is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
