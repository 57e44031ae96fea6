"""Resource Manager's projects: there is one."""

from google.cloud.resourcemanager_v3.types import GetProjectRequest, Project

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.resource_names import Names


class ProjectService:
    """GetProject of google/cloud/resourcemanager/v3/projects.proto."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def get_project(self, request: GetProjectRequest) -> Project:
        """The sandbox's project, by id or number. Raises InvalidArgument, and PermissionDenied for
        any other, whether it exists or not."""
        if request.name.count("/") != 1:
            raise InvalidArgument(f"Invalid name {request.name!r}: it must be projects/PROJECT.")
        return Project(
            name=self._names.canonical(request.name),
            project_id=self._names.project,
            display_name=self._names.project,
            state=Project.State.ACTIVE,
        )
