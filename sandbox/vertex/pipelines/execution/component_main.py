"""Starts one lightweight component, as its compiled command would on Vertex.

Run by path: `python entry.py MOUNT SOURCE EXECUTOR_INPUT FUNCTION`. On Vertex, Cloud Storage is
mounted at /gcs, which needs root and FUSE. Here MOUNT stands for it, so that `artifact.path`
is a real file while `artifact.uri` stays gs://.
"""

import sys


def main() -> None:
    """Hand over to kfp, which reads its arguments from sys.argv."""
    mount, source, executor_input, function = sys.argv[1:]
    # Run by path, Python puts this folder first: a component's `import values` must not find ours.
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
