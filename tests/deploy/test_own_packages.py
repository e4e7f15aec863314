"""Which Debian packages an image has of its own, and other layers in their places."""

from datetime import UTC, datetime

import pytest

from paas.deploy.dependencies import LayerPlan
from paas.deploy.own_packages import exchanged, file_name, known, of_image, told
from paas.errors import PaasError
from paas.model.app import App
from paas.model.image import Origin, Packages, Step
from paas.model.release import Image, Layer

STACK, OWN = Layer("stack-x-run-1", 0), Layer("debian-run-packages-0123", 0)
PIP, SOURCE = Layer("python-deps-1", 5), Layer("source-1", 5)
PLAN = {
    "pack": "debian",
    "name": "run-packages",
    "shared": True,
    "system": "run",
    "wants": ["tree", "https://me:s3cret@example.com/tool_1_all.deb"],
    "repositories": ["deb [trusted=yes] http://apt.example.com any main"],
    "packages": [
        f"http://deb.debian.org/debian/pool/main/t/tree/tree_2.2.1-1_amd64.deb {'a' * 64}",
        f"https://me:s3cret@example.com/tool_1%3a1_all.deb?token=s3cret {'b' * 64}",
    ],
}
NOTED = Packages(OWN.id, ("tree",), (), ("tree_2.2.1-1_amd64.deb",))
IMAGE = Image(
    "1",
    (STACK, OWN, PIP, SOURCE),
    {"web": "x"},
    steps=(Step("the stack"), Step("debian: run-packages", OWN.id, "then"), Step("c", SOURCE.id)),
    origin=Origin("herokuish", "x", packages=(NOTED,)),
)
APP = App(1, "blog", 0, datetime(2026, 1, 31, tzinfo=UTC))


def test_a_builds_packages_are_noted_as_they_were_asked_for_and_installed():
    others = {"pack": "debian", "name": "build-packages", "shared": True, "system": "build"}
    have = [
        (LayerPlan.parse(PLAN), OWN),
        (LayerPlan.parse({**PLAN, **others}), Layer("debian-build-packages-1", 0)),
        (LayerPlan.parse({"pack": "python", "name": "deps"}), PIP),
    ]
    (found,) = told(have)
    assert found.layer == OWN.id
    assert found.wanted == tuple(PLAN["wants"])
    assert found.repositories == tuple(PLAN["repositories"])
    assert found.files == ("tree_2.2.1-1_amd64.deb", "tool_1:1_all.deb")


@pytest.mark.parametrize("wants", [None, "tree", [], [7, {"x": "y"}, "a\nb", "\ud800"]])
def test_what_is_no_list_of_names_is_noted_as_none(wants: object):
    assert told([(LayerPlan.parse({**PLAN, "wants": wants}), OWN)]) == ()


@pytest.mark.parametrize("package", ["", "http://[ x", "nothing"])
def test_the_file_of_a_strange_address_is_only_a_word(package: str):
    assert file_name(package) in ("", "nothing")


def test_packages_that_nobody_noted_are_refused_with_what_to_do():
    assert known(APP, IMAGE) == (NOTED,)
    for origin in (None, Origin("herokuish", "x")):
        older = Image("1", IMAGE.layers, {}, origin=origin)
        with pytest.raises(PaasError) as caught:
            known(APP, older)
        assert "nobody noted which" in caught.value.message
        assert "paas ps:rebuild blog" in caught.value.hint
    assert known(APP, Image("1", (STACK, SOURCE), {})) == ()


def test_a_layer_made_anew_takes_the_old_ones_place_and_all_others_stay():
    new = Layer("debian-run-packages-4567", 0)
    made = exchanged(IMAGE, {OWN.id: [(LayerPlan.parse(PLAN), new)]})
    assert made.layers == (STACK, new, PIP, SOURCE)
    assert [step.layer for step in made.steps] == ["", new.id, SOURCE.id]
    assert made.steps[1].words == "debian: run-packages"
    assert made.steps[1].created_at != "then"
    assert made.origin is not None
    assert [one.layer for one in made.origin.packages] == [new.id]
    assert made.origin.stack == "x"


def test_packages_that_the_stack_has_itself_by_now_need_no_layer():
    made = exchanged(IMAGE, {OWN.id: []})
    assert made.layers == (STACK, PIP, SOURCE)
    assert of_image(made) == ()
    assert made.origin is not None
    assert made.origin.packages == ()
