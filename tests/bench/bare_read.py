"""The baseline of metadata: a Litestar handler that does nothing but give bytes, in uvicorn as the services run it.

`python -m tests.bench.bare_read PORT FILE`; FILE is a JSON object of paths and what is answered there.
"""

import sys
from pathlib import Path

import msgspec
import uvicorn
from litestar import Litestar, get


def application(bodies: dict[str, bytes]) -> Litestar:
    """`bodies` are answers by image id."""

    @get("/api/v1/images/{image_id:str}", media_type="application/json", sync_to_thread=False)
    def answer(image_id: str) -> bytes:
        return bodies[image_id]

    return Litestar([answer], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    bodies = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=dict[str, str])
    uvicorn.run(
        application({image_id: body.encode() for image_id, body in bodies.items()}),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
