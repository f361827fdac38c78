"""Whether the service in this container can do its work: status 0 when `/health/ready` answers 200.

Run every few seconds in every container, so it imports next to nothing: `python -IS healthcheck.py`.
"""

import os
import socket
import sys

PORT = int(os.environ.get("CHITRAM_PORT", "8000"))


def main() -> int:
    """Says what the service says, for `docker inspect`; the answer may take 8 seconds."""
    try:
        with socket.create_connection(("127.0.0.1", PORT), timeout=8) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.0\r\nHost: health\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError as error:
        print(f"no answer: {error}")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    print(body[:2000].decode(errors="replace"))
    return 0 if head.split(b" ", 2)[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
