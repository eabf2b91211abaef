"""The ASGI application and its routes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from ..errors import InputError
from .calls import Calls
from .generation import Generation
from .guard import PAGE, Guard
from .house import House
from .openapi import describe
from .reception import FullError
from .socket import serve_socket


def build_app(house: House) -> Starlette:
    """
    Build the application of a server.

    Args:
        house ([`House`]): The pipeline, the faces and the limits.
    """
    calls, generation = Calls(house), Generation(house)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await calls.close()
        await house.close()

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "sessions": house.metrics.values["sessions"]})

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(house.report(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(request: Request) -> Response:
        return JSONResponse(describe(house.people.names, house.settings.token is not None))

    async def offer(request: Request) -> Response:
        try:
            return JSONResponse(await calls.answer(await _json(request)))
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)
        except FullError:
            text = f"all {house.settings.max_sessions} places are taken; try again later"
            return JSONResponse({"error": text}, 503)

    app = Starlette(
        routes=[
            WebSocketRoute("/ws", serve_socket),
            Route("/generate", generation.__call__, methods=["POST"]),
            Route("/offer", offer, methods=["POST"]),
            Route("/healthz", health),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[Middleware(Guard, settings=house.settings)],
        lifespan=lifespan,
    )
    app.state.house = house
    return app


async def _json(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body must be JSON: {str(error)[:100]}") from error
