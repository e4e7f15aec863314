"""buildpacks: choosing them by name, address or folder, and in which order."""

from pathlib import Path

import pytest

from paas.model.app import App
from tests.commands.conftest import Admin

URL = "https://example.com/someone/pack.git"


def listed(admin: Admin) -> list[str]:
    return admin("buildpacks:list", "blog", "--format", "json").json()


def test_they_are_added_in_order_and_at_a_place(admin: Admin, blog: App):
    admin.ok("buildpacks:add", "blog", "heroku/python")
    admin.ok("buildpacks:add", "blog", f"{URL}#v1")
    admin.ok("buildpacks:add", "--index", "1", "blog", "nodejs")
    assert listed(admin) == ["nodejs", "python", f"{URL}#v1"]
    out = admin.ok("buildpacks:list", "blog")
    assert out == f"-----> blog buildpack urls\n       nodejs\n       python\n       {URL}#v1\n"


def test_one_takes_the_place_of_another_or_all_of_all(admin: Admin, blog: App):
    admin.ok("buildpacks:set", "blog", "python")
    admin.ok("buildpacks:set", "blog", "nodejs")
    assert listed(admin) == ["nodejs"]
    admin.ok("buildpacks:set", "--index", "99", "blog", URL)
    assert listed(admin) == ["nodejs", URL]
    admin.ok("buildpacks:set", "--replace", "blog", "static", "nodejs", "heroku/python")
    assert listed(admin) == ["static", "nodejs", "python"]


@pytest.mark.parametrize(
    "words",
    [
        ("set", "blog", "python", "nodejs"),
        ("set", "--replace", "--index", "2", "blog", "python"),
        ("set", "--replace", "blog", "python", "heroku/python"),
        ("add", "blog", "cobol"),
        ("add", "blog", "https://me:pw@example.com/x.git"),
        ("add", "blog", "/etc"),
        ("add", "blog", "../lifecycle"),
        ("add", "blog", "lifecycle"),
        ("add", "--index", "0", "blog", "nodejs"),
        ("remove", "blog", "python", "--index", "1"),
        ("remove", "blog"),
        ("remove", "blog", "python"),
        ("remove", "--index", "3", "blog"),
        ("set-property", "blog", "stack", "cedar-14"),
        ("set-property", "blog", "colour", "red"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(admin: Admin, blog: App, words):
    command, *rest = words
    admin.fails(f"buildpacks:{command}", *rest)
    assert listed(admin) == []


def test_one_is_removed_by_its_place_or_however_its_name_is_written(admin: Admin, blog: App):
    admin.ok("buildpacks:set", "--replace", "blog", "python", "nodejs", URL)
    admin.ok("buildpacks:remove", "blog", "https://github.com/heroku/heroku-buildpack-python.git")
    admin.ok("buildpacks:remove", "blog", URL)
    assert listed(admin) == ["nodejs"]
    admin.ok("buildpacks:remove", "blog", "--index", "1")
    assert listed(admin) == []


def test_twice_the_same_is_refused(admin: Admin, blog: App):
    admin.ok("buildpacks:add", "blog", "python")
    assert "already" in admin.fails("buildpacks:add", "blog", "heroku/python").err


def test_a_folder_must_be_below_one_that_is_allowed(admin: Admin, blog: App, tmp_path: Path):
    said = admin.fails("buildpacks:set", "blog", str(tmp_path))
    assert "is not below a folder that buildpacks may come from" in said.err
    assert "buildpack_dirs" in said.err


def test_the_report_has_dokkus_keys(admin: Admin, blog: App):
    admin.ok("buildpacks:set", "blog", "python")
    admin.ok("buildpacks:set-property", "blog", "stack", "heroku-24")
    report = admin("buildpacks:report", "blog", "--format", "json").json()
    assert report["buildpacks-list"] == "python"
    assert report["stack"] == report["computed-stack"] == "heroku-24"
    assert report["global-stack"] == ""
    assert admin.ok("buildpacks:report", "blog", "--buildpacks-list") == "python\n"


def test_an_unknown_one_is_refused_with_those_there_are(admin: Admin, blog: App):
    assert "there are: " in (said := admin.fails("buildpacks:add", "blog", "x").err)
    assert "inline, java, " in said
    admin.ok("buildpacks:add", "blog", "python")
    admin.ok("buildpacks:clear", "blog")
    assert listed(admin) == []


def test_detect_needs_a_commit(admin: Admin, blog: App):
    assert "has no branch main or master" in admin.fails("buildpacks:detect", "blog").err


def test_update_says_when_there_is_nothing_to_fetch(admin: Admin, blog: App):
    admin.ok("buildpacks:set", "blog", "python")
    assert "no buildpack that is fetched" in admin.ok("buildpacks:update", "blog")
