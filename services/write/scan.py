"""Keeping out what a scanner knows to be malware."""

import logging
from typing import BinaryIO

from contracts.errors import InvalidImage, Unavailable
from infrastructure.telemetry import metrics
from services.write.ports import Scanner

logger = logging.getLogger(__name__)


async def scan(file: BinaryIO, *, scanner: Scanner | None, accept_unscanned: bool) -> None:
    """Passes for a file that the scanner finds clean, and for any where there is no scanner.

    Raises `InvalidImage` for what it finds, with its name for it in `details.scanner`. Without a verdict the file
    passes if `accept_unscanned`, else it is `Unavailable`.
    """
    if scanner is None:
        return
    try:
        found = await scanner.scan(file)
    except Unavailable as error:
        metrics.scans.labels("failed").inc()
        logger.warning("an upload could not be scanned: %s", error)
        if accept_unscanned:
            return
        raise Unavailable("Uploads can't be checked for malware just now. Try again shortly.") from error
    metrics.scans.labels("found" if found else "clean").inc()
    if found:
        logger.warning("an upload was refused: the scanner found %s", found)
        raise InvalidImage("The file is refused: a scanner for malware found something in it.", scanner=found)
