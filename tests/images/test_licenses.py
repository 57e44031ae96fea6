"""images/LICENSES.md is that of the image's packages."""

import re

import pytest
from packaging.requirements import Requirement

from images import licenses
from images.licenses import PAGE, page
from images.reference import LOCK, ImageError, pins


def test_the_page_is_what_the_packages_metadata_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs` and commit what it writes"


def test_every_package_of_the_image_has_a_licence() -> None:
    rows = re.findall(r"^\| ([\w.-]+) \| ([\w.]+) \| (.+) \|$", page(), re.MULTILINE)
    listed = {name: version for name, version, _ in rows if name != "package"}
    assert "not given" not in page()
    # Others are for another system or Python, or left out by images/requirements.overrides.
    assert set(listed) == {
        pin.name
        for pin in pins(LOCK)
        if pin.marker is None or pin.marker.evaluate(licenses._TARGET)
    }
    assert {"kubernetes", "tzdata"} & set(listed) == set()
    assert listed["scikit-learn"] in str(next(p for p in pins(LOCK) if p.name == "scikit-learn"))


def test_a_package_that_is_not_installed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Requirement("titleholder-missing==1")
    monkeypatch.setattr(licenses, "pins", lambda _: [*pins(LOCK), missing])
    with pytest.raises(ImageError, match="titleholder-missing is not installed here: run `make"):
        page()
