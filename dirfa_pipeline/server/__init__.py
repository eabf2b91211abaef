"""Faces to talk with over the network: WebSocket, WebRTC and HTTP by one ASGI application."""
