"""Tokens and API keys as clients send them: opaque, 256 random bits behind a prefix that tells what they are.

The prefix lets people, and scanners of published code, recognise one that lies where it shouldn't.
"""

import hashlib
import re
import secrets

from contracts.principals import CredentialKind

PREFIXES = {CredentialKind.SESSION: "chs_", CredentialKind.KEY: "chk_"}

_token = re.compile(r"(?:chs|chk)_[A-Za-z0-9_-]{43}")


def new_token(kind: CredentialKind) -> str:
    """A fresh token."""
    return PREFIXES[kind] + secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether a text could be a token of ours."""
    return _token.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """What is stored of a token. Plain SHA-256 is enough: the token is random, there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()
