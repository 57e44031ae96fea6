"""Lists with the client's pagers: pages, filters, orders."""

from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from tests.conformance.conftest import Cloud, done


@pytest.fixture(scope="module")
def seven(_cloud: Cloud) -> str:
    """A location with the endpoints e0 to e6; the even ones have `parity=even`."""
    _cloud.parent = f"projects/{_cloud.project}/locations/lists"
    running = [
        _cloud.endpoints.create_endpoint(
            parent=_cloud.parent,
            endpoint={
                "display_name": f"e{n}",
                "labels": {"parity": "odd" if n % 2 else "even", "n": str(n)},
            },
            endpoint_id=f"e{n}",
        )
        for n in range(7)
    ]
    for one in running:
        done(one)
    return _cloud.parent


def names(cloud: Cloud, parent: str, **fields: Any) -> list[str]:
    pager = cloud.endpoints.list_endpoints({"parent": parent, **fields})
    return [one.display_name for one in pager]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 6, 7, 8, 100, 5000])
def test_pages_of_any_size_list_everything_once(cloud: Cloud, seven: str, size: int) -> None:
    found = names(cloud, seven, page_size=size, order_by="display_name")
    assert found == [f"e{n}" for n in range(7)]


def test_the_last_page_has_no_token(cloud: Cloud, seven: str) -> None:
    pager = cloud.endpoints.list_endpoints({"parent": seven, "page_size": 3})
    pages = list(pager.pages)
    assert [len(page.endpoints) for page in pages] == [3, 3, 1]
    assert [bool(page.next_page_token) for page in pages] == [True, True, False]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('display_name="e3"', ["e3"]),
        ("display_name=e3", ["e3"]),
        ('displayName="e3"', ["e3"]),
        ('display_name!="e3" AND labels.parity="odd"', ["e1", "e5"]),
        ('labels.parity="even"', ["e0", "e2", "e4", "e6"]),
        ("labels.parity=even AND labels.n!=4", ["e0", "e2", "e6"]),
        ("labels.parity:*", [f"e{n}" for n in range(7)]),
        ("labels.colour:*", []),
        ("endpoint=e2", ["e2"]),
        ('display_name="unknown"', []),
    ],
)
def test_filters(cloud: Cloud, seven: str, condition: str, found: list[str]) -> None:
    for size in (0, 2):
        fields = {"filter": condition, "page_size": size, "order_by": "display_name"}
        assert names(cloud, seven, **fields) == found


def test_orders(cloud: Cloud, seven: str) -> None:
    up = [f"e{n}" for n in range(7)]
    assert names(cloud, seven, order_by="display_name") == up
    assert names(cloud, seven, order_by="display_name desc") == up[::-1]
    assert names(cloud, seven, order_by="createTime") == up
    assert names(cloud, seven, order_by="create_time desc,display_name") == up[::-1]


def test_masks(cloud: Cloud, seven: str) -> None:
    (found,) = cloud.endpoints.list_endpoints(
        {"parent": seven, "filter": "display_name=e1", "read_mask": {"paths": ["display_name"]}}
    )
    assert found == types.Endpoint(display_name="e1")


def test_versions_and_models(cloud: Cloud) -> None:
    model = cloud.upload("gs://any/where", model_id="a").model
    for run in ("r2", "r3"):
        cloud.upload("gs://any/where", parent_model=model, model={"labels": {"run": run}})
    cloud.upload("gs://any/where", model_id="b", model={"display_name": "other"})

    def versions(**fields: Any) -> list[str]:
        pager = cloud.models.list_model_versions({"name": model, **fields})
        return [one.version_id for one in pager]

    assert sorted(versions(page_size=1)) == ["1", "2", "3"]
    assert versions(order_by="create_time desc", page_size=2) == ["3", "2", "1"]
    assert versions(filter='labels.run="r2"') == ["2"]

    def models(**fields: Any) -> list[str]:
        pager = cloud.models.list_models({"parent": cloud.parent, **fields})
        return [one.name.rpartition("/")[2] for one in pager]

    assert sorted(models(page_size=1)) == ["a", "b"]
    assert models(filter='display_name="other"') == ["b"]
    assert models(order_by="create_time") == ["a", "b"]
