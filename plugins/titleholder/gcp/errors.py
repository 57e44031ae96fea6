"""What went wrong while Google was asked, as a person is told."""

from titleholder.errors import TitleholderError
from titleholder.gcp.vertex.clients import error_message


def user_message(error: Exception) -> str | None:
    """One sentence for an error of ours or of Google's clients; None for anything else, which is
    a mistake in this package."""
    if isinstance(error, TitleholderError | OSError):
        return str(error)
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    if isinstance(error, GoogleAPIError | GoogleAuthError | RequestException):
        hint = " (or, for the sandbox, source var/sandbox.env)"
        hint = hint if isinstance(error, GoogleAuthError) else ""
        return f"Google did not do it: {error_message(error)}{hint}"
    return None
