"""
A small hub: the HTTP routes that `huggingface_hub` speaks, for repositories in memory.

Create, preupload, LFS batch and upload, commit, revisions, tree, resolve with ranges. It wants the token `TOKEN` for
writing and for private repositories; `/test/break-after/N` makes it break downloads off after N bytes.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


TOKEN = "hf_write"


@dataclass
class Repository:
    """Commits, oldest first, each a mapping from path to content; names of revisions point into them."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], revision: str = "main") -> str:
        before = self.commits.get(self.revisions.get(revision, ""), {})
        name = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits[name] = before | files
        self.revisions[revision] = name
        return name

    def resolve(self, revision: str) -> str | None:
        return self.revisions.get(revision, revision if revision in self.commits else None)


class Hub(ThreadingHTTPServer):
    """The server's state; `break_after` makes every download of a large file stop after so many bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.uploads: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.break_after: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def handle_request(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for method, pattern, action in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in method:
                getattr(self, action)(body, *match.groups())
                return
        self.fail(404, "EntryNotFound")

    do_GET = do_HEAD = do_POST = do_PUT = handle_request

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def fail(self, status: int, code: str) -> None:
        self.answer({"error": code}, status, X_Error_Code=code, X_Error_Message=code)

    def allowed(self, repository: Repository | None = None) -> bool:
        """Whether the request may write, or may read the given repository; answers if it may not."""
        given = self.headers.get("Authorization")
        if given == f"Bearer {TOKEN}" or (repository and not repository.private and given is None):
            return True
        self.fail(401, "RepoNotFound" if repository else "Unauthorized")
        return False

    def found(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a revision; answers if there is none."""
        repository = self.server.repositories.get(name)
        if repository is None:
            self.fail(401 if self.headers.get("Authorization") is None else 404, "RepoNotFound")
        elif self.allowed(repository):
            commit = repository.resolve(revision)
            if commit is not None:
                return commit, repository.commits[commit]
            self.fail(404, "RevisionNotFound")
        return None

    def create(self, body: bytes) -> None:
        if self.allowed():
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            known = name in self.server.repositories
            if not known:
                self.server.repositories[name] = Repository(asked.get("visibility") == "private")
                self.server.repositories[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
            address = {"url": f"{self.server.url}/{name}", "id": name, "name": name}
            self.answer(address, 409 if known else 200)

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        if self.allowed() and self.found(name, revision):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": modes})

    def batch(self, body: bytes, name: str) -> None:
        objects = json.loads(body)["objects"]
        for item in objects:
            item["actions"] = {"upload": {"href": f"{self.server.url}/lfs/{item['oid']}"}}
        self.answer({"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.server.uploads[oid] = body
        self.answer({})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        if not (self.allowed() and self.found(name, revision)):
            return
        files = {}
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.uploads[value["oid"]]
        oid = self.server.repositories[name].commit(files, revision)
        self.answer({"commitUrl": f"{self.server.url}/{name}/commit/{oid}", "commitOid": oid})

    def break_after(self, body: bytes, count: str) -> None:
        self.server.break_after = int(count) if count else None
        self.answer({})

    def validate(self, body: bytes) -> None:
        card = json.loads(body)["content"]
        self.answer({"errors": [], "warnings": [] if card.startswith("---\n") else [{"message": "empty metadata"}]})

    def info(self, body: bytes, name: str, revision: str | None) -> None:
        found = self.found(name, revision or "main")
        if found:
            siblings = [{"rfilename": path} for path in found[1]]
            self.answer({"id": name, "modelId": name, "sha": found[0], "siblings": siblings, "private": False})

    def tree(self, body: bytes, name: str, revision: str) -> None:
        found = self.found(name, revision)
        if found:
            files = found[1].items()
            self.answer([{"type": "file", "path": p, "size": len(c), "oid": etag(c)} for p, c in files])

    def file(self, body: bytes, name: str, revision: str, path: str) -> None:
        found = self.found(name, revision)
        if not found:
            return
        if path not in found[1]:
            self.fail(404, "EntryNotFound")
            return
        content = found[1][path]
        headers = {"ETag": f'"{etag(content)}"', "X_Repo_Commit": found[0], "Accept_Ranges": "bytes"}
        start = int(re.match(r"bytes=(\d+)", self.headers.get("Range") or "bytes=0")[1])
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        limit = self.server.break_after
        if limit is not None and self.command == "GET" and len(content) > limit:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:limit])
            self.close_connection = True
            return
        self.answer(content[start:], 206 if start else 200, **headers)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet; `Hub.requests` holds what was asked."""


ROUTES = (
    (("GET",), r"/test/break-after/(\d*)", "break_after"),
    (("POST",), r"/api/repos/create", "create"),
    (("POST",), r"/api/validate-yaml", "validate"),
    (("POST",), r"/api/(?:models|spaces)/([^/]+/[^/]+)/preupload/(.+)", "preupload"),
    (("POST",), r"/api/(?:models|spaces)/([^/]+/[^/]+)/commit/(.+)", "commit"),
    (("POST",), r"/(?:spaces/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
    (("PUT",), r"/lfs/(\w+)", "upload"),
    (("GET",), r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", "tree"),
    (("GET",), r"/api/(?:models|spaces)/([^/]+/[^/]+)(?:/revision/(.+))?", "info"),
    (("GET", "HEAD"), r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", "file"),
)


def etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve an empty hub on a free port of this machine."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
