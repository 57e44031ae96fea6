"""Access tokens for a service account's key, as Google's clients request them.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest. The
sandbox checks neither the signature of a request nor, later, the token.
"""

import secrets
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

HOST: Final = "oauth2.googleapis.com"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SECONDS: Final = 3599


def create_app() -> ASGIApp:
    """The server of `https://oauth2.googleapis.com`."""
    return Starlette(routes=[Route("/token", _issue, methods=["POST"])])


async def _issue(request: Request) -> JSONResponse:
    """A token, or the error of RFC 6749, section 5.2, for another kind of grant than a key's."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    if form.get("grant_type") != [_GRANT] or not form.get("assertion"):
        text = "The sandbox gives tokens for its service account only; use `sandbox exec`."
        return JSONResponse({"error": "unsupported_grant_type", "error_description": text}, 400)
    token = f"sandbox.{secrets.token_urlsafe(16)}"
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _SECONDS})
