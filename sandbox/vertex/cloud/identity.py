"""What Google's clients ask about their service account: access tokens, and where it may be used.

The sandbox checks neither the signature of a request for a token nor, later, the token.
"""

import secrets
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

TOKENS: Final = "oauth2.googleapis.com"
ACCOUNTS: Final = "iamcredentials.googleapis.com"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SECONDS: Final = 3599


def create_token_server() -> ASGIApp:
    """The server of https://oauth2.googleapis.com.

    Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
    """
    return Starlette(routes=[Route("/token", _issue, methods=["POST"])])


def create_account_server() -> ASGIApp:
    """The server of https://iamcredentials.googleapis.com: no account is restricted to locations,
    which google-auth asks beside its first call."""
    path = "/v1/projects/-/serviceAccounts/{account}/allowedLocations"
    return Starlette(routes=[Route(path, _allow)])


async def _issue(request: Request) -> JSONResponse:
    """A token, or the error of RFC 6749, section 5.2, for another kind of grant than a key's."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    if form.get("grant_type") != [_GRANT] or not form.get("assertion"):
        text = "The sandbox gives tokens for its service account only; use `sandbox exec`."
        return JSONResponse({"error": "unsupported_grant_type", "error_description": text}, 400)
    token = f"sandbox.{secrets.token_urlsafe(16)}"
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _SECONDS})


async def _allow(_: Request) -> JSONResponse:
    return JSONResponse({"locations": [], "encodedLocations": "0x0"})
