"""The HTTP interface in OpenAPI. The WebSocket, which OpenAPI cannot describe, is in docs/conversation.md."""

from collections.abc import Sequence
from typing import Any

from ..version import __version__


def describe(faces: Sequence[str], needs_token: bool) -> dict[str, Any]:
    """The OpenAPI document of a server that has these faces."""
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "dirfa", "version": __version__, "description": "Talking faces from a photo and speech."},
        "paths": {
            "/generate": {"post": _generate(faces)},
            "/offer": {"post": _offer(faces)},
            "/healthz": {"get": _get("Whether the server is up.", "application/json")},
            "/metrics": {"get": _get("Metrics in Prometheus' text format.", "text/plain")},
        },
    }
    if needs_token:
        document["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        document["security"] = [{"token": []}]
    return document


def _generate(faces: Sequence[str]) -> dict[str, Any]:
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    fields = {
        "face": {"type": "string", "enum": list(faces), "description": "A face of this server; the first by default."},
        "photo": file | {"description": "A photo that shows one face, instead of `face`."},
        "audio": file | {"description": "The speech: a sound file, or a video with sound."},
        "text": {"type": "string", "maxLength": 4096, "description": "The text to say, instead of `audio`."},
        "seed": {"type": "integer", "description": "The same seed gives the same video."},
    }
    answers = {
        "200": {"description": "The video.", "content": {"video/mp4": {"schema": file}}},
        "400": _error("A field of the form is invalid."),
        "413": {"description": "The request is too large."},
        "503": _error("Too many videos are waiting to be made; the header Retry-After says when to try again."),
    }
    content = {"multipart/form-data": {"schema": {"type": "object", "properties": fields}}}
    return {
        "operationId": "generate", "summary": "Make a talking video.",
        "requestBody": {"required": True, "content": content}, "responses": answers,
    }  # fmt: skip


def _offer(faces: Sequence[str]) -> dict[str, Any]:
    description = {
        "type": "object", "required": ["type", "sdp"],
        "properties": {
            "type": {"type": "string"}, "sdp": {"type": "string"}, "face": {"type": "string", "enum": list(faces)},
        },
    }  # fmt: skip
    content = {"application/json": {"schema": description}}
    answers = {
        "200": {"description": "The answer.", "content": content},
        "400": _error("The offer is invalid or cannot be answered."),
        "503": _error("All places are taken."),
    }
    return {
        "operationId": "offer", "summary": "Start a WebRTC call with a face.",
        "requestBody": {"required": True, "content": content}, "responses": answers,
    }  # fmt: skip


def _get(summary: str, media_type: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "OK", "content": {media_type: {}}}}}


def _error(description: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"error": {"type": "string"}}}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
