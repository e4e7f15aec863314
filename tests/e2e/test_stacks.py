"""Images as stacks: what buildpacks build on and apps run on, in place of ours."""

import pytest

from tests.e2e import images
from tests.e2e.instance import Instance

BASE = """\
FROM paas/stack:build
ENV MARK=by-the-stack PATH=/opt/tools:/usr/local/bin:/usr/bin:/bin
RUN mkdir /opt/tools && echo 'echo a tool' > /opt/tools/tool && chmod +x /opt/tools/tool
CMD ["sleep", "1000"]
"""
LOOK = "tool; echo $MARK; ls /app"


@pytest.fixture(scope="module")
def stack(platform: Instance) -> str:
    """An image made upon our stack, under a name."""
    platform.ok("apps:create", "base")
    platform.ok("ps:scale", "base", "web=0")
    platform.repository("base").deploy({"Dockerfile": BASE})
    platform.ok("images:tag", "base", "team/base:1")
    return "team/base:1"


@pytest.fixture(scope="module")
def upon(platform: Instance, stack: str) -> str:
    """An app that buildpacks made on it."""
    platform.ok("apps:create", "upon")
    platform.ok("buildpacks:set-property", "upon", "stack", stack)
    platform.repository("upon").deploy({"index.html": "upon a stack"})
    return "upon"


def test_an_app_is_built_and_run_on_an_image(platform: Instance, stack: str, upon: str):
    assert platform.get(upon).text == "upon a stack"
    found = platform.ok("run", upon, "--", "sh", "-c", LOOK).split("\n")
    assert found[:3] == ["a tool", "by-the-stack", "index.html"]
    assert platform.ok("buildpacks:report", upon, "--buildpacks-stack").strip() == stack
    steps = platform.json("images:inspect", upon)["steps"]  # type: ignore[index]
    assert f"the stack {stack}" in [step["step"] for step in steps]


def test_a_container_that_was_kept_is_a_stack_without_its_app(platform: Instance, upon: str):
    platform.ok(
        "enter", upon, "web", "sh", "-c", "echo kept > /tmp/no; echo kept > /app/index.html"
    )
    platform.ok("containers:commit", upon, "web", "team/kept:1")
    platform.ok("apps:create", "again")
    platform.ok("buildpacks:set-property", "again", "stack", "team/kept:1")
    platform.repository("again").deploy({"public/index.html": "other"})
    found = platform.ok("run", "again", "--", "sh", "-c", LOOK).split("\n")
    assert found[:2] == ["a tool", "by-the-stack"]
    assert "index.html" not in found
    assert "public" in found


def test_the_usual_stack_comes_back(platform: Instance, upon: str):
    platform.ok("buildpacks:set-property", upon, "stack")
    platform.ok("ps:rebuild", upon)
    assert platform.get(upon).text == "upon a stack"
    assert "by-the-stack" not in platform.ok("run", upon, "--", "sh", "-c", "echo $MARK")


def test_an_image_that_cannot_build_is_told(platform: Instance):
    parts = images.layers()[:1]
    archive = images.archives.docker_archive(parts, images.document(parts))
    platform.ok("images:import", "busybox:1", stdin=archive)
    platform.ok("apps:create", "unfit")
    platform.ok("buildpacks:set-property", "unfit", "stack", "busybox:1")
    text = platform.repository("unfit").fail({"index.html": "never"})
    assert "the stack busybox:1 has no /usr/bin/python3" in text
    assert "FROM paas/stack:build" in text


def test_an_image_that_is_not_there_is_no_stack(platform: Instance, upon: str):
    done = platform.paas("buildpacks:set-property", upon, "stack", "team/missing:1")
    assert done.returncode == 1
    assert "no image team/missing:1" in done.stderr.decode()
    assert "images:import" in done.stderr.decode()
    platform.ok("apps:create", "foreign")
    done = platform.paas("buildpacks:set-property", "foreign", "stack", f"paas/app/{upon}")
    assert done.returncode == 1
    assert "does not share its image" in done.stderr.decode()
