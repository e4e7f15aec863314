"""docs/plugins.md has every trigger, as it is called or not, and no other."""

import re
from dataclasses import fields
from pathlib import Path

from paas.model.occasion import Occasion
from paas.plugins import triggers

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
CALLED = re.compile(
    r"^\| ((?:`[a-z-]+` ?)+) \| ([a-z_ ]*) \| (told|asked|answers) \| (.+) \|$", re.MULTILINE
)
NEVER = re.compile(r"^\| ((?:`[a-z-]+\*?` ?)+) \| ([^|]+) \|$", re.MULTILINE)


def kind(occasion: type[Occasion]) -> str:
    return "answers" if occasion.answers else "asked" if occasion.veto else "told"


def test_every_trigger_that_is_called_is_on_the_page_with_its_arguments():
    shown = {
        name: (arguments, what, when)
        for cells, arguments, what, when in CALLED.findall(PAGE.read_text())
        for name in re.findall(r"`([a-z-]+)`", cells)
    }
    assert shown == {
        name: (" ".join(one.name for one in fields(found)), kind(found), found.__doc__)
        for name, found in triggers.called().items()
    }


def test_every_trigger_that_is_never_called_is_on_the_page_with_the_reason():
    text = PAGE.read_text().partition("| trigger | why not |")[2]
    shown = {
        name.replace("*", ""): why
        for cells, why in NEVER.findall(text)
        for name in re.findall(r"`([a-z-]+\*?)`", cells)
    }
    assert shown == triggers.NEVER


def test_every_trigger_that_sets_up_is_on_the_page():
    text = PAGE.read_text()
    assert all(f"`{name}`" in text for name in triggers.SETUP)
