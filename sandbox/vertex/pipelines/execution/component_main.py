"""Runs one lightweight component, as its compiled command does on Vertex AI.

Run by path: `python component_main.py MOUNT SOURCE EXECUTOR_INPUT FUNCTION`. Vertex AI mounts Cloud
Storage at /gcs, which needs root and FUSE. Here MOUNT is used instead, so that `artifact.path` is a
real file and `artifact.uri` stays gs://.
"""

import sys


def main() -> None:
    """Call kfp's executor, which reads its arguments from sys.argv."""
    mount, source, executor_input, function = sys.argv[1:]
    # This folder is first on the path of a script: it must not hide modules of the component.
    del sys.path[0]
    # On Vertex there is no installation of this project either.
    sys.meta_path = [
        one for one in sys.meta_path if "__editable__" not in getattr(one, "__module__", "")
    ]
    from kfp.dsl import executor_main
    from kfp.dsl.types import artifact_types

    artifact_types._GCS_LOCAL_MOUNT_PREFIX = f"{mount}/"
    with open(executor_input, encoding="utf-8") as file:
        content = file.read()
    sys.argv = ["executor_main", "--component_module_path", source]
    sys.argv += ["--executor_input", content, "--function_to_execute", function]
    executor_main.executor_main()


if __name__ == "__main__":
    main()
