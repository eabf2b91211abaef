"""Serves talking faces over WebSocket, WebRTC and HTTP, in one ASGI application."""
