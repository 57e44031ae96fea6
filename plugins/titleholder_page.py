"""The page "Titleholder" in Airflow's UI (docs/how-to/page.md). Airflow loads this file in every
process, so the application is imported only for a request."""

from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

BASE = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


async def titleholder_page(scope: Any, receive: Any, send: Any) -> None:
    """The page as an ASGI application, created at the first request."""
    from titleholder.page.app import app

    await app()(scope, receive, send)


class TitleholderPage(AirflowPlugin):
    """The page, and its entry in the navigation of the UI."""

    name = "titleholder_page"
    fastapi_apps: list[Any] = [  # noqa: RUF012
        {"name": "Titleholder", "app": titleholder_page, "url_prefix": "/titleholder"}
    ]
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "Titleholder",
            "href": f"{BASE}/titleholder/",
            "destination": "nav",
            "url_route": "titleholder",
        }
    ]
