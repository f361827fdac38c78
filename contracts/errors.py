"""The error tree: what can go wrong, in words a caller may see.

    ChitramError
    ├── Refused                  the request can't be done as it stands
    │   ├── InvalidRequest       InvalidField · MissingFile · EmptyFile · InvalidFileFormat · InvalidImage
    │   │                        ImageTooLarge · FileTooLarge · InvalidCursor · InvalidConsistencyToken
    │   │                        RangeNotSatisfiable
    │   ├── NotFound             ImageNotFound · ThumbnailUnavailable
    │   ├── MethodNotAllowed
    │   ├── Unauthorized         InvalidCredentials
    │   ├── Forbidden            DeleteTokenRequired · InvalidDeleteToken · QuotaExceeded
    │   ├── EmailExists
    │   ├── RateLimitExceeded    it can be done later
    │   ├── IdempotencyKeyReused
    │   └── VersionConflict
    ├── Unavailable              a part we need is not there; trying again later may work
    │   ├── OutcomeUnknown       it may or may not have been done
    │   └── ObjectMissing        no copy of an object is there, or none is right
    └── InternalFault            a bug of ours; the caller learns nothing but the request id

Each class has its `code`, which programs rely on, and a public `sentence` for people. `details`
holds facts for programs and must be fit for anyone to read. What HTTP makes of a code is one
table in `services/shared/problems.py`. Driver errors never get this far: the room of
`infrastructure` that imports the driver translates them.
"""

from typing import Any, ClassVar


class ChitramError(Exception):
    """Root of every error with a public meaning."""

    code: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, sentence: str | None = None, **details: Any) -> None:
        """Takes a more exact public sentence than the class's own, and details for programs."""
        self.detail = sentence or self.sentence
        self.details = details
        super().__init__(self.detail)


class Refused(ChitramError):
    """The request can't be done as it stands; asking again changes nothing."""


class InvalidRequest(Refused):
    code = "INVALID_REQUEST"
    sentence = "The request is not valid."


class InvalidField(InvalidRequest):
    """A well-formed request with a value that can't be taken; `details` may name the field."""

    sentence = "A field of the request has a value that can't be taken."


class MissingFile(InvalidRequest):
    code = "MISSING_FILE"
    sentence = "The form has no file. Send the picture as a multipart field named “file”."


class EmptyFile(InvalidRequest):
    code = "EMPTY_FILE"
    sentence = "The file is empty."


class InvalidFileFormat(InvalidRequest):
    code = "INVALID_FILE_FORMAT"
    sentence = "Invalid file type: only JPEG, PNG, GIF, WebP and AVIF pictures are taken."


class InvalidImage(InvalidRequest):
    code = "INVALID_IMAGE"
    sentence = "The file is damaged or is not a whole picture."


class ImageTooLarge(InvalidRequest):
    code = "IMAGE_TOO_LARGE"
    sentence = "The picture has too many pixels."


class FileTooLarge(InvalidRequest):
    code = "FILE_TOO_LARGE"
    sentence = "The file is too large."


class InvalidCursor(InvalidRequest):
    code = "INVALID_CURSOR"
    sentence = "The cursor is not one that this list gave out. Start again without it."


class InvalidConsistencyToken(InvalidRequest):
    code = "INVALID_CONSISTENCY_TOKEN"
    sentence = "The consistency token is not one that a change was answered with. Send the request without it."


class RangeNotSatisfiable(InvalidRequest):
    code = "RANGE_NOT_SATISFIABLE"
    sentence = "The range lies outside the file."


class NotFound(Refused):
    code = "NOT_FOUND"
    sentence = "There is nothing at this address."


class ImageNotFound(NotFound):
    code = "IMAGE_NOT_FOUND"
    sentence = "There is no such image."


class ThumbnailUnavailable(NotFound):
    code = "THUMBNAIL_UNAVAILABLE"
    sentence = "This image has no such thumbnail."


class MethodNotAllowed(Refused):
    code = "METHOD_NOT_ALLOWED"
    sentence = "This address does not answer to this method."


class Unauthorized(Refused):
    """Nobody is named by the request, or not in a way that counts."""

    code = "UNAUTHORIZED"
    sentence = "This needs a valid token. Log in, or send an API key, in the header Authorization."


class InvalidCredentials(Unauthorized):
    code = "INVALID_CREDENTIALS"
    sentence = "The e-mail address or the password is not right."


class Forbidden(Refused):
    code = "FORBIDDEN"
    sentence = "You may not do this."


class DeleteTokenRequired(Forbidden):
    code = "DELETE_TOKEN_REQUIRED"
    sentence = "This image was uploaded anonymously. Send the token from its upload in the header X-Delete-Token."


class InvalidDeleteToken(Forbidden):
    code = "INVALID_DELETE_TOKEN"
    sentence = "The delete token is not the one that this image's upload answered with."


class QuotaExceeded(Forbidden):
    """An account has as many images or bytes as it may have."""

    code = "QUOTA_EXCEEDED"
    sentence = "This account has no room for the picture. Delete some, or ask for more."


class EmailExists(Refused):
    code = "EMAIL_EXISTS"
    sentence = "There is an account with this e-mail address already."


class RateLimitExceeded(Refused):
    """Too much was asked; `retry_after` whole seconds later it may be asked again.

    Where they are known, `limit` is how much may be asked in a period, and after `reset_after` seconds all of it may.
    """

    code = "RATE_LIMIT_EXCEEDED"
    sentence = "There were too many requests. Try again later."

    def __init__(self, retry_after: int, *, limit: int | None = None, reset_after: int | None = None) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after
        self.limit = limit
        self.reset_after = reset_after


class IdempotencyKeyReused(Refused):
    code = "IDEMPOTENCY_KEY_REUSED"
    sentence = "This Idempotency-Key was used for another upload. Send a new key with a new upload."


class VersionConflict(Refused):
    code = "VERSION_CONFLICT"
    sentence = "The image has changed since you read it. Read it again and repeat the change."


class Unavailable(ChitramError):
    """A part that this needs is not there; `retry_after` seconds later it may be."""

    code = "SERVICE_UNAVAILABLE"
    sentence = "The service can't answer just now. Try again shortly."
    retry_after: ClassVar[int] = 1


class OutcomeUnknown(Unavailable):
    """A commit was sent and its answer lost: the change may or may not have happened."""

    sentence = "It is not known whether this was done. Look before you try again."


class ObjectMissing(Unavailable):
    """Every copy of an object was asked for: none is there, or none has the right bytes."""

    sentence = "The bytes of this image are missing."


class InternalFault(ChitramError):
    code = "INTERNAL_ERROR"
    sentence = "Something went wrong on our side. The request id helps us to find out what."
