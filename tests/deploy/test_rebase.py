"""Whether programs made for one set of packages run with another."""

import pytest

from paas.deploy.rebase import exchanged, misfit, stack_layers
from paas.deploy.stacks import Base
from paas.model.image import Origin, Step
from paas.model.release import Image, Layer

BEFORE = {"libc6:amd64": "2.41-12", "libpq5:amd64": "17.5-1", "python3:amd64": "3.13.5-1"}


def test_updates_and_further_packages_fit():
    after = {
        **BEFORE,
        "libpq5:amd64": "17.6-0+deb13u1",
        "tree:amd64": "2.2",
        "libc6:amd64": "2.41-13",
    }
    assert misfit(BEFORE, after) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"libpq5:amd64": None, "libpq6:amd64": "18.0-1"}, "it lacks libpq5"),
        ({"python3:amd64": "3.14.0-1"}, "its python3 is 3.14, not 3.13 as before"),
        ({"libc6:amd64": "3.0-1"}, "its libc6 is 3, not 2 as before"),
    ],
)
def test_what_has_another_interface_does_not_fit(changes: dict, words: str):
    after = {**BEFORE, **changes}
    assert misfit(BEFORE, {key: text for key, text in after.items() if text}) == words


def test_the_layers_of_the_stack_are_exchanged_and_all_others_stay():
    old = (Layer("stack-trixie-run-0123456789ab", 0), Layer("stack-x-run-20260101-abcdef", 0))
    rest = (Layer("python-runtime-1", 5), Layer("source-1", 7))
    steps = (Step("the stack", old[0].id), Step("python", rest[0].id), Step("commit", rest[1].id))
    image = Image("1", (*old, *rest), {"web": "x"}, steps=steps, origin=Origin("herokuish", "x"))
    base = Base("x", (old[0], Layer("stack-x-run-20260201-abcdef", 0)), (), "d", snapshot="s")
    made = exchanged(image, base)
    assert stack_layers(made) == base.run
    assert made.layers[2:] == rest
    assert made.id != image.id
    assert [step.words for step in made.steps] == [
        "the stack x s",
        "the stack x s",
        "python",
        "commit",
    ]
    assert made.origin is not None
    assert (made.origin.builder, made.origin.snapshot) == ("herokuish", "s")
