"""Nothing is written outside the mount; as in Cloud Storage FUSE, objects whose names are not paths
are not file."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from google.cloud import storage
from google.cloud.aiplatform_v1 import types
from hypothesis import given
from hypothesis import strategies as st

from sandbox.vertex.pipelines.execution.cloud_storage import CloudStorage, StorageCallFailed
from sandbox.vertex.pipelines.execution.mount import Mount, StorageError, file_of
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import BUCKET, Bench, task

MOUNT = Path("/somewhere/gcs")


@given(bucket=st.text("/.ab", max_size=4), name=st.text("/.ab\0 ", max_size=12))
def test_an_object_has_one_file_in_its_bucket_or_none(bucket: str, name: str) -> None:
    found = file_of(MOUNT, bucket, name)
    if found is not None:
        assert ".." not in found.parts
        assert found.relative_to(MOUNT).as_posix() == f"{bucket}/{name}"


@pytest.mark.parametrize(
    "name",
    ["", "/", "a/", "/abs/path", "//a", "a//b", ".", "..", "./a", "../a", "a/.", "a/..", "a/../b"],
)
def test_names_that_a_mounted_bucket_does_not_show(name: str) -> None:
    assert file_of(MOUNT, BUCKET, name) is None


@pytest.mark.parametrize("name", ["a", "a/b", ".a", "..a", "a..", "a/...", "a b/ü", "\\a"])
def test_names_that_a_mounted_bucket_shows(name: str) -> None:
    assert file_of(MOUNT, BUCKET, name) == MOUNT / BUCKET / name


def test_files_are_uploaded_and_fetched_unchanged(
    cloud_storage: storage.Client, tmp_path: Path
) -> None:
    files = {
        "round/empty": b"",
        "round/of.json": b'{"a": [1, null]}\n',
        "round/any bytes é+.bin": bytes(range(256)) * 5000,
    }
    mount = Mount(tmp_path / "gcs")
    for name, content in files.items():
        path = mount.path(f"gs://{BUCKET}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    mount.upload()
    blobs = list(cloud_storage.list_blobs(BUCKET, prefix="round/"))
    assert {blob.name: blob.download_as_bytes() for blob in blobs} == files
    assert cloud_storage.bucket(BUCKET).get_blob("round/of.json").content_type == "application/json"
    assert mount.exists(f"gs://{BUCKET}/round/em")
    assert not mount.exists(f"gs://{BUCKET}/round/no")
    assert not mount.exists("gs://no-such-bucket/round")

    other = Mount(tmp_path / "other")
    other.fetch(f"gs://{BUCKET}/round")
    assert {name: other.path(f"gs://{BUCKET}/{name}").read_bytes() for name in files} == files
    cloud_storage.bucket(BUCKET).delete_blobs(blobs)


def test_a_storage_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    mount = Mount(tmp_path / "gcs")
    with pytest.raises(StorageError, match=r"does not respond for bucket 'b': .* refused"):
        mount.check_bucket("gs://b/root")
    with pytest.raises(StorageError, match=r"cannot read gs://b/a: GET http.* refused"):
        mount.fetch("gs://b/a")
    path = mount.path("gs://b/a")
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(StorageError, match=r"cannot write gs://b/a: POST http.* refused"):
        mount.upload()


def test_a_download_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    class Short(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"abc")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Short) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        bucket = CloudStorage(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(StorageCallFailed, match="7 bytes are missing"):
            bucket.download("b", "a", tmp_path / "a")
        thread.join()


def test_nothing_is_written_outside_the_mount(
    cloud_storage: storage.Client, tmp_path: Path
) -> None:
    outside, mount = tmp_path / "outside", Mount(tmp_path / "gcs")
    bucket = cloud_storage.bucket(BUCKET)
    names = (f"{outside}/abs", "strange//empty", "strange/./dot", "strange/plain")
    for name in names:
        bucket.blob(name).upload_from_string(name)
    try:
        for uri in (f"gs://{BUCKET}/{outside}", f"gs://{BUCKET}/strange", f"gs://{BUCKET}/"):
            mount.fetch(uri)
        assert not outside.exists()
        (file,) = (mount.folder / BUCKET / "strange").rglob("*")
        assert file == mount.folder / BUCKET / "strange/plain"
        assert file.read_text() == "strange/plain"
        mount.upload()
        assert {one.name for one in bucket.list_blobs(prefix="strange")} == set(names[1:])
    finally:
        bucket.delete_blobs([bucket.blob(name) for name in names])


def test_nothing_is_written_through_a_link(cloud_storage: storage.Client, tmp_path: Path) -> None:
    outside, mount = tmp_path / "outside", Mount(tmp_path / "gcs")
    outside.mkdir()
    (outside / "file").write_text("local")
    folder = mount.folder / BUCKET / "linked"
    folder.mkdir(parents=True)
    (folder / "folder").symlink_to(outside)
    (folder / "file").symlink_to(outside / "file")
    for name in ("linked/folder/file", "linked/file"):
        blob = cloud_storage.bucket(BUCKET).blob(name)
        blob.upload_from_string("remote")
        try:
            with pytest.raises(StorageError, match="leads outside the mount"):
                mount.fetch(f"gs://{BUCKET}/{name}")
        finally:
            blob.delete()
    assert [path.read_text() for path in outside.iterdir()] == ["local"]


def test_an_input_with_the_name_of_a_local_file_does_not_overwrite_it(
    bench: Bench, cloud_storage: storage.Client, tmp_path: Path
) -> None:
    local = tmp_path / "model"
    local.write_text("local")
    blob = cloud_storage.bucket(BUCKET).blob(str(local))
    blob.upload_from_string("remote")
    try:
        job = bench.run(samples.imported, uri=f"gs://{BUCKET}/{local}")
    finally:
        blob.delete()
    assert local.read_text() == "local"
    failed = task(job, "read-model")
    assert failed.state == types.PipelineTaskDetail.State.FAILED
    assert "No such file or directory" in failed.error.message
