"""Bills of materials and provenance, as the tools of others read them."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from paas.image import provenance, sbom
from paas.image.package_records import Package
from paas.image.sbom import Subject
from paas.model.build import Build, BuildKind, BuildStatus, Phase
from paas.model.image import Origin, Packages, Step
from paas.model.release import Image, Layer, Release

THEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
SUBJECT = Subject("blog", "v3", "0123abcd", THEN, "c" * 40)
PACKAGES = [
    Package("deb", "openssl:amd64", "3.5.1-1"),
    Package("pypi", "Typing_Extensions", "4.12", ("PSF-2.0",)),
    Package("npm", "@babel/core", "7.1.0", ("MIT",)),
    Package("npm", "rc", "1.2.8", ("(BSD-2-Clause OR MIT OR Apache-2.0)",)),
    Package("golang", "github.com/gorilla/mux", "v1.8.1"),
    Package("maven", "org.springframework/spring-core", "6.1", ("Apache License, Version 2.0",)),
    Package("composer", "monolog/monolog", "3.9", ("MIT", "proprietary")),
    Package("generic", "python", "3.13.1"),
    Package("gem", "rack", ""),
]


def bill(packages: list[Package]) -> dict:
    text = sbom.document(SUBJECT, packages, "trixie", "0.1.0")
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, problem
    return json.loads(text)


def test_a_bill_is_valid_and_names_each_package_by_its_address():
    made = bill(PACKAGES)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert made["metadata"]["component"]["name"] == "blog"
    assert made["metadata"]["component"]["version"] == "v3"
    assert sorted(one["purl"] for one in made["components"]) == [
        "pkg:composer/monolog/monolog@3.9",
        "pkg:deb/debian/openssl@3.5.1-1?arch=amd64&distro=trixie",
        "pkg:gem/rack",
        "pkg:generic/python@3.13.1",
        "pkg:golang/github.com/gorilla/mux@v1.8.1",
        "pkg:maven/org.springframework/spring-core@6.1",
        "pkg:npm/%40babel/core@7.1.0",
        "pkg:npm/rc@1.2.8",
        "pkg:pypi/typing-extensions@4.12",
    ]
    found = {one["name"]: one.get("licenses") for one in made["components"]}
    assert found["core"] == [{"license": {"id": "MIT"}}]
    assert found["rc"] == [{"expression": "(BSD-2-Clause OR MIT OR Apache-2.0)"}]
    assert found["openssl"] is None
    assert {"license": {"name": "proprietary"}} in (found["monolog"] or [])


def test_equal_images_have_equal_bills_and_packages_count_once():
    assert bill(PACKAGES) == bill([*reversed(PACKAGES), PACKAGES[0]])


def inventory(files: dict[str, list[list[object]]], hidden: tuple[str, ...] = ()) -> dict:
    return {"files": files, "hidden": list(hidden), "whole": True}


def test_what_upper_layers_replace_or_hide_is_not_in_the_image():
    stack = inventory({"var/lib/dpkg/status": [["deb", "a:all", "1", []]]})
    lower = inventory(
        {
            "app/x/METADATA": [["pypi", "x", "1", []]],
            "app/gone/y/METADATA": [["pypi", "y", "1", []]],
            "app/gone2": [["pypi", "z", "1", []]],
        }
    )
    upper = inventory(
        {
            "var/lib/dpkg/status": [["deb", "a:all", "1", []], ["deb", "b:all", "2", []]],
            "app/gone/new": [["pypi", "new", "1", []]],
        },
        hidden=("app/gone", "app/gone2"),
    )
    found = [(one.name, one.version) for one in sbom.seen([stack, lower, upper])]
    assert found == [("a:all", "1"), ("b:all", "2"), ("new", "1"), ("x", "1")]


IMAGE = Image(
    "0123abcd",
    (Layer("stack-trixie-run-0123456789ab", 0, 5), Layer("source-1", 7, 6)),
    {"web": "run me"},
    commit="c" * 40,
    steps=(Step("the stack heroku-24", "stack-trixie-run-0123456789ab"),),
    origin=Origin("herokuish", "heroku-24", "0123456789ab", (("python", "a" * 64), ("x", "b" * 40)),
                  ("DEBUG", "TOKEN"), "web", "0.1.0",
                  packages=(Packages("debian-run-packages-01ab", ("tree", "https://me:pw@x/y.deb"),
                                     ("deb https://me:pw@x any main",), ("tree_2_amd64.deb",)),)),
)  # fmt: skip
RELEASE = Release(1, 3, IMAGE, {"TOKEN": "s3cret"}, "Deploy cccccccc", THEN, "alice", "succeeded")
BUILD = Build("0mky3jk1gx4zq8", 1, BuildKind.BUILD, "git-hook", "alice", "c" * 40, 1, THEN,
              BuildStatus.SUCCEEDED, THEN, 0, phases=(Phase("build", 2.0),))  # fmt: skip


def test_provenance_tells_what_an_image_was_made_of_and_by_whom():
    made = provenance.statement("blog", RELEASE, BUILD, "host1", {"sha256": "d" * 64})
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "https://slsa.dev/provenance/v1"
    assert made["subject"][0]["digest"]["sha256"] == "d" * 64
    definition, run = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
    assert {next(iter(one["digest"].items())) for one in definition["resolvedDependencies"]} == {
        ("gitCommit", "c" * 40),
        ("sha256", "a" * 64),
        ("gitCommit", "b" * 40),
        ("paasStack", "0123456789ab"),
        ("paasLayer", "01ab"),
    }
    assert {"packages": ["tree_2_amd64.deb"]} in [
        one.get("annotations") for one in definition["resolvedDependencies"]
    ]
    assert "me:pw" not in json.dumps(made)
    assert definition["externalParameters"]["variables"] == ["DEBUG", "TOKEN"]
    assert definition["externalParameters"]["directory"] == "web"
    assert [one["key"] for one in definition["internalParameters"]["layers"]] == [
        layer.id for layer in IMAGE.layers
    ]
    assert run["metadata"]["invocationId"] == BUILD.id
    assert "s3cret" not in json.dumps(made)


@pytest.mark.parametrize(
    "changes", [{"origin": None, "steps": ()}, {"commit": "", "origin": Origin()}]
)
def test_what_was_not_noted_of_an_older_image_is_left_out(changes: dict):
    release = replace(RELEASE, image=replace(IMAGE, **changes))
    made = provenance.statement("blog", release, None, "host1", {})
    assert set(made["subject"][0]["digest"]) == {"paasImage"}
    assert made["predicate"]["runDetails"]["metadata"] == {"startedOn": "2026-01-31T12:00:00Z"}


def test_the_subjects_digest_changes_with_what_is_in_the_image():
    other = replace(IMAGE, layers=IMAGE.layers[:1])
    same = replace(IMAGE, id="another", steps=())
    assert provenance.digest(IMAGE) == provenance.digest(same) != provenance.digest(other)
