"""Resource names `projects/P/locations/L/COLLECTION/ID`: checks, and the form with the number."""

import re
import secrets
from typing import Final

from sandbox.vertex.http.errors import InvalidArgument, PermissionDenied

_PROJECT: Final = re.compile(r"projects/([^/]+)(?=/|$)")
_PARENT: Final = re.compile(r"projects/[^/]+/locations/[a-z][a-z0-9-]{0,62}")
_ENDPOINT_ID: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?|[1-9][0-9]{0,8}")
_MODEL_ID: Final = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


class Names:
    """Checks names, and converts them to one form: with the project's number.

    Requests may use the id or the number; responses of Vertex AI have the number, as the logs in
    GoogleCloudPlatform/data-science-on-gcp#154 and ageron/handson-ml3#135 show.
    """

    def __init__(self, project: str, number: str) -> None:
        self.project = project
        self.number = number

    def canonical(self, name: str) -> str:
        """`name` with the project's number in it.

        Raises PermissionDenied for another project, whether it exists or not, as Google does.
        """
        match = _PROJECT.match(name)
        if match is None:
            return name
        if match[1] not in (self.project, self.number):
            raise PermissionDenied(
                f"Permission denied on resource project {match[1]}: this sandbox is the project "
                f"{self.project} ({self.number}); use that one."
            )
        return f"projects/{self.number}{name[match.end() :]}"

    def parent(self, name: str) -> str:
        """A checked `projects/P/locations/L`; raises InvalidArgument or PermissionDenied."""
        if not _PARENT.fullmatch(name):
            raise InvalidArgument(
                f"Invalid parent {name!r}: it must be projects/PROJECT/locations/LOCATION."
            )
        return self.canonical(name)

    def resource(self, name: str, collection: str, field: str) -> str:
        """A checked `projects/P/locations/L/COLLECTION/ID`.

        Raises InvalidArgument or PermissionDenied with `field` in the message.
        """
        parent, slash, rest = name.partition(f"/{collection}/")
        if not slash or not rest or "/" in rest or not _PARENT.fullmatch(parent):
            raise InvalidArgument(
                f"Invalid {field} {name!r}: it must be "
                f"projects/PROJECT/locations/LOCATION/{collection}/ID."
            )
        return self.canonical(name)


def parent_of(name: str) -> str:
    """The `projects/P/locations/L` that a name starts with."""
    return "/".join(name.split("/")[:4])


def new_id() -> str:
    """A generated id: a number of 19 digits, like Google's."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def check_id(value: str, collection: str) -> None:
    """Raise InvalidArgument unless `value` is a valid id of an endpoint or a model.

    Source: the docs of CreateEndpointRequest.endpoint_id and UploadModelRequest.model_id.
    """
    pattern, rule = {
        "endpoints": (
            _ENDPOINT_ID,
            "up to 63 of [a-z0-9-] that start with a letter and do not end with a hyphen, "
            "or up to 9 digits without leading zeros",
        ),
        "models": (_MODEL_ID, "up to 63 of [a-z0-9_-] that start with a letter or underscore"),
    }[collection]
    if not pattern.fullmatch(value):
        raise InvalidArgument(f"Invalid id {value!r} in {collection}: it must be {rule}.")
