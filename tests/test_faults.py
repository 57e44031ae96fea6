"""The fixture `faults` on the sandbox of `up --faults`."""

import httpx
import pytest

from tests.conftest import Sandbox
from tests.faults import Faults


def test_the_whole_sandbox_has_faults_on_demand(sandbox: Sandbox, faults: Faults) -> None:
    project, location = sandbox.env["GOOGLE_CLOUD_PROJECT"], sandbox.env["GOOGLE_CLOUD_LOCATION"]
    url = f"{sandbox.env['VERTEX_AI_EMULATOR_HOST']}/v1/projects/{project}/locations/{location}"
    faults.drop("list_endpoints")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{url}/endpoints", trust_env=False)
    assert httpx.get(f"{url}/endpoints", trust_env=False).status_code == 200
    assert [call["status"] for call in faults.calls(method="list_endpoints")] == [0, 200]
