"""google.longrunning.Operations, as every service of Vertex AI has it."""

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
        """The operation as it is now; raises NotFound."""
        return self._operations.get(request.name)

    def list_operations(self, request: Any) -> Any:
        """Operations below a resource; the filter may be done=true or done=false."""
        operations = self._operations.list(request.name)
        wanted = request.filter.replace(" ", "").lower()
        if wanted not in ("", "done=true", "done=false", "done:true", "done:false"):
            raise InvalidArgument(
                f"Invalid filter {request.filter!r}: the sandbox reads done=true and done=false."
            )
        if wanted:
            operations = [one for one in operations if one.done is wanted.endswith("true")]
        paging = SimpleNamespace(page_size=request.page_size, page_token=request.page_token)
        page = list_page(operations, paging, {}, {})
        return operations_pb2.ListOperationsResponse(
            operations=page.items, next_page_token=page.next_page_token
        )

    async def wait_operation(self, request: Any) -> Any:
        """The operation once it is done, or as it is when the time is over; raises NotFound.

        Without a timeout it waits as long as the caller does: WaitOperationRequest.timeout.
        """
        operation = await run_in_threadpool(self._look, request.name)
        seconds = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else None
        try:
            async with asyncio.timeout(seconds):
                while not operation.done:
                    await asyncio.sleep(_TICK)
                    operation = await run_in_threadpool(self._look, operation.name)
        except TimeoutError:
            pass
        return operation

    def cancel_operation(self, request: Any) -> None:
        """Stop it; it ends as CANCELLED and changes nothing. Raises NotFound."""
        self._operations.cancel(request.name)

    def delete_operation(self, request: Any) -> None:
        """Forget a finished one; raises NotFound, FailedPrecondition."""
        self._operations.forget(request.name)

    def _look(self, name: str) -> Any:
        self._operations.settle()
        return self._operations.get(name)
