"""The WebSocket and the client of it alone, for pages of other applications."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from .guard import PAGE, Guard
from .house import House
from .socket import serve_socket


def build_embedded(house: House) -> Starlette:
    """
    Build an application to be mounted in another one: `/ws`, `/client.js` and what that needs.

    Args:
        house ([`House`]): The pipeline, the people and the limits.
    """
    app = Starlette(
        routes=[WebSocketRoute("/ws", serve_socket), Mount("/", StaticFiles(directory=PAGE))],
        middleware=[Middleware(Guard, settings=house.settings)],
    )
    app.state.house = house
    return app
