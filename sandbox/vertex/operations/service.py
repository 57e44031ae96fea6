"""google.longrunning.Operations, which every service of Vertex AI has."""

import asyncio
from types import SimpleNamespace
from typing import Any, Final

from google.longrunning import operations_pb2
from starlette.concurrency import run_in_threadpool

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.operations.lifecycle import Operations

_TICK: Final = 0.02


class OperationService:
    """Methods of google/longrunning/operations.proto."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def get_operation(self, request: Any) -> Any:
        """The current operation; raises NotFound."""
        return self._operations.get(request.name)

    def list_operations(self, request: Any) -> Any:
        """Operations of a resource; the filter may be done=true or done=false."""
        operations = self._operations.list(request.name)
        wanted = request.filter.replace(" ", "").lower()
        if wanted not in ("", "done=true", "done=false", "done:true", "done:false"):
            raise InvalidArgument(
                f"Invalid filter {request.filter!r}: the sandbox accepts done=true and done=false."
            )
        if wanted:
            operations = [
                operation for operation in operations if operation.done is wanted.endswith("true")
            ]
        paging = SimpleNamespace(page_size=request.page_size, page_token=request.page_token)
        page = list_page(operations, paging, {}, {})
        return operations_pb2.ListOperationsResponse(
            operations=page.items, next_page_token=page.next_page_token
        )

    async def wait_operation(self, request: Any) -> Any:
        """The operation when it is done or the timeout is over; raises NotFound.

        Without a timeout it waits as long as the client (WaitOperationRequest.timeout).
        """
        operation = await run_in_threadpool(self._current, request.name)
        seconds = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else None
        try:
            async with asyncio.timeout(seconds):
                while not operation.done:
                    await asyncio.sleep(_TICK)
                    operation = await run_in_threadpool(self._current, operation.name)
        except TimeoutError:
            pass
        return operation

    def cancel_operation(self, request: Any) -> None:
        """Cancel an operation, which then changes nothing. Raises NotFound."""
        self._operations.cancel(request.name)

    def delete_operation(self, request: Any) -> None:
        """Delete a finished operation; raises NotFound, FailedPrecondition."""
        self._operations.delete(request.name)

    def _current(self, name: str) -> Any:
        self._operations.settle()
        return self._operations.get(name)
