"""What releases are made of and how they came to be, read by the tools of others."""

import io
import json
import tarfile
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.e2e.instance import Instance
from tests.e2e.samples import SERVER
from tests.e2e.test_push import APPS


@pytest.fixture(scope="module")
def built(platform: Instance) -> str:
    """An app with packages of Python and of Debian, and a secret that builds see."""
    platform.ok("apps:create", "billed")
    platform.ok("config:set", "billed", "TOKEN=s3cret-canary")
    platform.repository("billed", APPS / "flask").deploy({"Aptfile": "tree\n"})
    return "billed"


def bill_of(platform: Instance, *words: str) -> dict[str, Any]:
    text = platform.ok("releases:sbom", *words)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, problem
    found: dict[str, Any] = json.loads(text)
    return found


def purls(bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["purl"].partition("@")[0]: one for one in bill["components"]}


def test_a_bill_names_packages_of_debian_and_python_and_their_licences(
    platform: Instance, built: str
):
    bill = bill_of(platform, built)
    found = purls(bill)
    assert {"pkg:deb/debian/libc6", "pkg:deb/debian/tree", "pkg:pypi/flask"} <= found.keys()
    licenses = [next(iter(one.values())) for one in found["pkg:pypi/flask"]["licenses"]]
    assert "BSD" in json.dumps(licenses)
    assert bill["metadata"]["component"]["version"] == "v1"
    assert len(found) == len(bill["components"])
    assert bill == bill_of(platform, built, "v1")


@pytest.mark.parametrize("name", ["express", "pnp"])
def test_packages_of_npm_and_those_that_yarn_keeps_zipped_are_in_the_bill(
    platform: Instance, name: str
):
    platform.repository(f"billed-{name}", APPS / name).deploy({})
    found = purls(bill_of(platform, f"billed-{name}"))
    assert {"pkg:npm/express", "pkg:npm/body-parser"} <= found.keys()
    assert found["pkg:npm/express"]["version"].startswith("5.")


def test_provenance_names_commit_packs_stack_and_layers_but_no_value(
    platform: Instance, built: str
):
    text = platform.ok("releases:provenance", built)
    assert "s3cret-canary" not in text
    statement: Any = json.loads(text)
    info: Any = platform.json("releases:info", built)
    definition = statement["predicate"]["buildDefinition"]
    assert definition["buildType"] == "urn:paas:build:herokuish:v1"
    assert definition["externalParameters"]["commit"] == info["commit"]
    assert "TOKEN" in definition["externalParameters"]["variables"]
    keys = [one["key"] for one in definition["internalParameters"]["layers"]]
    assert keys == info["layers"]
    digests = {one["uri"]: one["digest"] for one in definition["resolvedDependencies"]}
    assert digests["git+urn:paas:repository:billed"] == {"gitCommit": info["commit"]}
    assert len(digests["urn:paas:buildpack:python"]["sha256"]) == 64
    assert "urn:paas:stack:heroku-24" in digests
    run = statement["predicate"]["runDetails"]["metadata"]
    assert run["invocationId"] == info["build"]


def test_both_go_with_an_exported_image_and_refer_to_it(platform: Instance, built: str):
    done = platform.paas("images:export", built, "--with-sbom")
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:

        def read(name: str) -> Any:
            file = archive.extractfile(name)
            assert file is not None
            return json.load(file)

        def blob(digest: str) -> Any:
            return read("blobs/" + digest.replace(":", "/"))

        image, *others = read("index.json")["manifests"]
        documents = {one["artifactType"]: blob(one["digest"]) for one in others}
        assert set(documents) == {"application/vnd.cyclonedx+json", "application/vnd.in-toto+json"}
        for manifest in documents.values():
            assert manifest["subject"]["digest"] == image["digest"]
        bill, statement = (blob(one["layers"][0]["digest"]) for one in documents.values())
    assert bill == bill_of(platform, built)
    sha256 = statement["subject"][0]["digest"]["sha256"]
    assert image["digest"] == f"sha256:{sha256}"
    platform.ok("images:import", "with/documents:1", stdin=done.stdout)
    assert (
        b"is no release" in platform.paas("images:export", "with/documents:1", "--with-sbom").stderr
    )


def test_what_is_in_an_image_from_elsewhere_is_found_too(platform: Instance, built: str):
    platform.ok("apps:create", "outsider")
    dockerfile = "FROM paas/stack:run\nCOPY server.py .\nCMD python3 server.py\n"
    platform.repository("outsider").deploy({"Dockerfile": dockerfile, "server.py": SERVER})
    found = purls(bill_of(platform, "outsider"))
    assert "pkg:deb/debian/python3" in found
    assert "pkg:pypi/flask" not in found
    definition = json.loads(platform.ok("releases:provenance", "outsider"))["predicate"][
        "buildDefinition"
    ]
    assert definition["buildType"] == "urn:paas:build:dockerfile:v1"
    assert "urn:paas:image:paas/stack:run" in {
        one["uri"] for one in definition["resolvedDependencies"]
    }


def test_the_bill_of_a_release_that_is_not_there_is_told(platform: Instance, built: str):
    failed = platform.paas("releases:sbom", built, "v9")
    assert failed.returncode == 1
    assert b"has no release v9" in failed.stderr
