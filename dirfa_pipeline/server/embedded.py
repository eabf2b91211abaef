"""Only the WebSocket and its JavaScript client, for the pages of other applications."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from .guard import PAGE, Guard
from .house import House
from .socket import serve_socket


def build_embedded(house: House) -> Starlette:
    """
    Build an application to mount in another one. It serves `/ws`, `/client.js` and the files that the client needs.

    Args:
        house ([`House`]): The pipeline, the faces and the limits.
    """
    app = Starlette(
        routes=[WebSocketRoute("/ws", serve_socket), Mount("/", StaticFiles(directory=PAGE))],
        middleware=[Middleware(Guard, settings=house.settings)],
    )
    app.state.house = house
    return app
