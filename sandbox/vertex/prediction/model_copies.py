"""The copy of a model's artifact that Vertex AI makes at the upload, and serves."""

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.protobuf import wrappers_pb2

from sandbox.vertex.http.errors import FailedPrecondition
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.prediction.clients import NO_RETRY, storage_client
from sandbox.vertex.store import Store


class ModelCopies:
    """Copies artifacts within the sandbox's Cloud Storage; AIP_STORAGE_URI is such a copy, so what
    is later written under the original URI changes nothing."""

    def __init__(self, store: Store, storage_host: str, project: str) -> None:
        """Raises ValueError unless `storage_host` is http:// on a loopback address."""
        self._store = store
        self._client = storage_client(storage_host, project)
        self._bucket = f"{project}-vertex-ai"

    def copy(self, artifact_uri: str) -> str:
        """Copy all objects below the gs:// URI, and return the URI of the copy.

        A folder without objects is copied, too: its server will not find its files. Raises
        FailedPrecondition if Cloud Storage fails.
        """
        bucket, _, path = artifact_uri.removeprefix("gs://").rstrip("/").partition("/")
        prefix = f"{path}/" if path else ""
        folder = new_id()
        try:
            for blob in list(self._client.list_blobs(bucket, prefix=prefix, retry=NO_RETRY)):
                name = blob.name[len(prefix) :]
                if name and not name.endswith("/"):
                    self._write(f"{folder}/{name}", blob.download_as_bytes(retry=NO_RETRY))
        except NotFound:
            pass  # the bucket does not exist
        except (GoogleAPIError, OSError) as error:
            raise FailedPrecondition(f"{artifact_uri} cannot be copied: {error!r}.") from error
        return f"gs://{self._bucket}/{folder}"

    def save(self, uri: str, model: str, version: str) -> None:
        """Record that this is the copy of a version; call it inside a transaction."""
        self._store.put(_key(model, version), wrappers_pb2.StringValue(value=uri))

    def uri(self, model: str, version: str) -> str:
        """The URI of the copy of a version; empty for one without an artifact."""
        found = self._store.get(wrappers_pb2.StringValue, _key(model, version))
        return found.value if found is not None else ""

    def delete(self, model: str, version: str) -> None:
        """Delete the copy of a version; call it inside a transaction."""
        uri = self.uri(model, version)
        self._store.delete(wrappers_pb2.StringValue, _key(model, version))
        if uri:
            self._store.after_commit(lambda: self._delete(uri.rpartition("/")[2]))

    def _write(self, name: str, content: bytes) -> None:
        copy = self._client.bucket(self._bucket).blob(name)
        try:
            copy.upload_from_string(content, retry=NO_RETRY)
        except NotFound:
            self._client.create_bucket(self._bucket, retry=NO_RETRY)
            copy.upload_from_string(content, retry=NO_RETRY)

    def _delete(self, folder: str) -> None:
        try:
            for blob in list(self._client.list_blobs(self._bucket, prefix=f"{folder}/")):
                blob.delete(retry=NO_RETRY)
        except (GoogleAPIError, OSError):
            return  # only space is lost


def _key(model: str, version: str) -> str:
    return f"{model}@{version}/copy"
