"""Which objects a mounted bucket shows, and where. No I/O."""

from pathlib import Path


def file_of(mount: Path, bucket: str, name: str) -> Path | None:
    """The file under `mount` that is the object `gs://bucket/name`, None where there can be none.

    Cloud Storage FUSE leaves out what no path can say: names with a segment that is empty (`a//b`,
    `/a`), `.` or `..` (https://github.com/GoogleCloudPlatform/gcsfuse, docs/semantics.md). Folders
    (`a/`) are no files.
    """
    parts = [bucket, *name.split("/")]
    if any(part in ("", ".", "..") or "\0" in part for part in parts) or "/" in bucket:
        return None
    return mount.joinpath(*parts)
