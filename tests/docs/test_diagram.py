"""The committed picture of the architecture is drawn from its source."""

from xml.etree import ElementTree

from docs.diagram import PICTURE, digest


def test_the_picture_is_that_of_its_source() -> None:
    assert digest() in PICTURE.read_text(encoding="utf-8"), (
        "architecture.gv was changed: run `python -m docs.diagram` with Graphviz"
    )


def test_the_picture_is_well_formed_and_loads_nothing() -> None:
    svg = ElementTree.parse(PICTURE)
    assert svg.getroot().tag.endswith("}svg")
    assert not [
        (element.tag, name)
        for element in svg.iter()
        for name in element.attrib
        if name.endswith(("href", "src"))
    ]
