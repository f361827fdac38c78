"""What hashing a password may cost."""

from typing import Annotated

from msgspec import Meta, Struct, field


class PasswordConfig(Struct, frozen=True, kw_only=True):
    """Costs of Argon2id: `memory` in bytes and `passes` over it, by default those of RFC 9106 for memory that is
    scarce. At most `concurrency` passwords are hashed at a time, so so many times `memory` is needed.
    """

    memory: Annotated[int, Meta(ge=1 << 20)] = field(name="CHITRAM_PASSWORD_MEMORY", default=64 << 20)
    passes: Annotated[int, Meta(ge=1)] = field(name="CHITRAM_PASSWORD_PASSES", default=3)
    concurrency: Annotated[int, Meta(ge=1)] = field(name="CHITRAM_PASSWORD_CONCURRENCY", default=2)
