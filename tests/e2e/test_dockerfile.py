"""Apps built from a Dockerfile: every instruction means what it says, and steps are kept."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e import images
from tests.e2e.instance import Instance, Repository

FROM = "FROM busybox:1\n"
SERVE = "CMD httpd -f -p 8080 -h /www\nEXPOSE 8080\n"
EMPTY = f"{FROM}RUN mkdir /www\n{SERVE}"


@pytest.fixture(scope="module", autouse=True)
def base(platform: Instance) -> None:
    """An image of ours to begin with: busybox, and nothing else."""
    parts = images.layers()[:1]
    document = images.document(parts, Cmd=["/bin/sh"], ExposedPorts={})
    archive = images.archives.docker_archive(parts, document)
    platform.ok("images:import", "busybox:1", stdin=archive)


def app(platform: Instance, name: str) -> Repository:
    platform.ok("apps:create", name)
    return platform.repository(name)


def said(text: str, words: str) -> bool:
    """Whether a step printed a line of these words."""
    return re.search(rf"^remote: +{re.escape(words)}\s*$", text, re.MULTILINE) is not None


def test_a_dockerfile_is_built_and_served(platform: Instance):
    repository = app(platform, "docked")
    text = repository.deploy(
        {"Dockerfile": f"{FROM}COPY page /www/index.html\n{SERVE}", "page": "one"}
    )
    assert "Step 2/4: COPY page /www/index.html" in text
    assert platform.get("docked").text == "one"
    report = platform.json("builder:report", "docked")
    assert report["detected"] == "dockerfile"  # type: ignore[index]


def test_unchanged_steps_are_not_done_again_and_only_their_layer_is_new(platform: Instance):
    repository = app(platform, "kept")
    dockerfile = f"{FROM}RUN date > /built; echo ran-it\nCOPY page /www/index.html\n{SERVE}"
    first = repository.deploy({"Dockerfile": dockerfile, "page": "one"})
    assert said(first, "ran-it")
    built = platform.ok("run", "kept", "--", "cat", "/built")
    layers = platform.json("releases:info", "kept")["layers"]  # type: ignore[index]
    second = repository.deploy({"page": "two"})
    assert not said(second, "ran-it")
    assert "as before" in second
    assert platform.get("kept").text == "two"
    assert platform.ok("run", "kept", "--", "cat", "/built") == built
    now = platform.json("releases:info", "kept")["layers"]  # type: ignore[index]
    assert now[:-1] == layers[:-1]
    assert now[-1] != layers[-1]


def test_steps_before_one_that_failed_are_kept(platform: Instance):
    repository = app(platform, "failing")
    start = f"{FROM}RUN echo slow-step\n"
    text = repository.fail({"Dockerfile": f"{start}RUN echo 'why it fails'; exit 3\n{SERVE}"})
    assert said(text, "why it fails")
    assert "RUN echo 'why it fails'; exit 3 failed" in text
    text = repository.deploy({"Dockerfile": f"{start}RUN mkdir /www\n{SERVE}"})
    assert not said(text, "slow-step")


STAGES = """
ARG TAG=none
FROM busybox:${TAG} AS build
ARG GREETING=nobody
RUN mkdir /out && echo "$GREETING" > /out/index.html

FROM busybox:1 AS final
COPY --from=build /out /www
CMD httpd -f -p 8080 -h /www
EXPOSE 8080

FROM final AS other
RUN echo other > /www/index.html
"""


def test_stages_arguments_labels_and_the_target_that_was_chosen(platform: Instance):
    repository = app(platform, "staged")
    platform.ok("docker-options:add", "staged", "build", "--build-arg TAG=1")
    platform.ok("docker-options:add", "staged", "build", "--build-arg", "GREETING=hello world")
    platform.ok("docker-options:add", "staged", "build", "--label made.by=us --target final")
    repository.deploy({"Dockerfile": STAGES})
    assert platform.get("staged").text == "hello world\n"
    labels = platform.json("images:inspect", "staged")["labels"]  # type: ignore[index]
    assert labels["made.by"] == "us"
    listed = platform.ok("docker-options:list", "staged", "--phase", "build").splitlines()
    assert listed[1] == "--build-arg 'GREETING=hello world'"
    platform.ok("docker-options:remove", "staged", "build", "--target", "final")
    repository.deploy()
    assert platform.get("staged").text == "other\n"


def test_variables_of_builds_alone_are_arguments_where_they_are_asked_for(platform: Instance):
    repository = app(platform, "argued")
    platform.ok("config:set", "argued", "--build", "FLAVOUR=vanilla", "OTHER=x")
    platform.ok("config:set", "argued", "PLAIN=no-argument")
    dockerfile = (
        f"{FROM}ARG FLAVOUR\nARG PLAIN\nARG SOURCE_VERSION\n"
        'RUN mkdir /www; echo "$FLAVOUR,$PLAIN,$OTHER,$SOURCE_VERSION" > /www/index.html\n'
    )
    repository.deploy({"Dockerfile": dockerfile + SERVE})
    commit = repository.git("rev-parse", "HEAD").stdout.decode().strip()
    assert platform.get("argued").text == f"vanilla,,,{commit}\n"


def test_a_cache_mount_persists_and_is_in_no_image(platform: Instance):
    repository = app(platform, "cached")
    run = "echo $N >> /c/log; mkdir /www; cat /c/log > /www/index.html"
    dockerfile = f"{FROM}ARG N\nRUN --mount=type=cache,target=/c {run}\n{SERVE}"
    for number in ("1", "2"):
        platform.ok("docker-options:clear", "cached", "build")
        platform.ok("docker-options:add", "cached", "build", f"--build-arg N={number}")
        repository.deploy({"Dockerfile": dockerfile, "n": number})
    assert platform.get("cached").text == "1\n2\n"
    assert platform.paas("run", "cached", "--", "ls", "/c/log").returncode != 0


def test_config_is_a_secret_of_the_build_and_no_variable_of_it(platform: Instance):
    repository = app(platform, "secretive")
    platform.ok("config:set", "secretive", "TOKEN=word-of-the-day")
    test = 'test "$(cat /run/secrets/TOKEN)" = word-of-the-day'
    dockerfile = (
        f"{FROM}RUN --mount=type=secret,id=TOKEN {test}\n"
        'RUN mkdir /www; echo "[$TOKEN]" > /www/index.html\n'
    )
    repository.deploy({"Dockerfile": dockerfile + SERVE})
    assert platform.get("secretive").text == "[]\n"
    for path in (platform.settings.state_dir / "layers").glob("dockerfile-*/files/**/*"):
        assert not path.is_file() or b"word-of-the-day" not in path.read_bytes()


def test_what_the_ignore_file_names_is_not_copied(platform: Instance):
    repository = app(platform, "ignoring")
    repository.deploy(
        {
            "Dockerfile": f"{FROM}COPY . /www\n{SERVE}",
            ".dockerignore": "secret*\n!secret-not\ndocs/**\n.*\n",
            "index.html": "page",
            "secret-file": "x",
            "secret-not": "y",
            "docs/a/b": "z",
        }
    )
    found = platform.ok("run", "ignoring", "--", "ls", "-A", "/www").split()
    assert set(found) - {"docs"} == {"Dockerfile", "index.html", "secret-not"}
    assert platform.paas("run", "ignoring", "--", "ls", "/www/docs/a").returncode != 0


DRESSED = """
FROM busybox:1
WORKDIR /www
COPY --chown=web:web --chmod=0640 page index.html
COPY <<EOF /etc/motd
two
lines
EOF
RUN <<EOF
set -e
touch /by-heredoc
chown web /by-heredoc
EOF
USER web
ENTRYPOINT ["httpd", "-f"]
CMD ["-p", "8080", "-h", "/www"]
EXPOSE 8080/tcp
"""


def test_owners_modes_users_directories_and_heredocs(platform: Instance):
    repository = app(platform, "dressed")
    repository.deploy({"Dockerfile": DRESSED, "page": "dressed"})
    assert platform.get("dressed").text == "dressed"
    listing = platform.ok("enter", "dressed", "web", "ls", "-l", "/www/index.html", "/by-heredoc")
    assert re.search(r"-rw-r-----\s+1 web\s+web", listing)
    assert re.search(r"1 web\s+root .*by-heredoc", listing)
    assert platform.ok("enter", "dressed", "web", "cat", "/etc/motd") == "two\nlines\n"
    assert platform.ok("enter", "dressed", "web", "id", "-u").strip() == "1000"


def test_a_healthcheck_is_what_the_deploy_asks(platform: Instance):
    repository = app(platform, "checked")
    start = f"{FROM}RUN mkdir /www; echo ok > /www/index.html\n{SERVE}"
    well = "HEALTHCHECK --interval=1s --retries=2 CMD cat /www/index.html\n"
    repository.deploy({"Dockerfile": start + well})
    assert "HEALTHCHECK" in platform.ok("checks:report", "checked")
    sick = "HEALTHCHECK --interval=100ms --retries=2 CMD echo unwell; false\n"
    text = repository.fail({"Dockerfile": start + sick})
    assert "HEALTHCHECK" in text
    assert "unwell" in text
    assert platform.get("checked").text == "ok\n"


def test_a_procfile_goes_before_cmd(platform: Instance):
    repository = app(platform, "declared")
    procfile = "web: httpd -f -p $PORT -h /www\nticker: sleep 999\nrelease: echo released\n"
    files = {
        "Dockerfile": f"{FROM}COPY . /www\nCMD false\n",
        "Procfile": procfile,
        "index.html": "by procfile",
    }
    assert said(repository.deploy(files), "released")
    assert platform.get("declared").text == "by procfile"
    platform.ok("ps:scale", "declared", "ticker=1")
    assert "ticker.1" in platform.ok("ps:report", "declared")


def test_the_dockerfile_may_lie_elsewhere_and_has_its_own_ignore_file(platform: Instance):
    repository = app(platform, "elsewhere")
    platform.ok("builder-dockerfile:set", "elsewhere", "dockerfile-path", "deploy/Dockerfile.web")
    repository.deploy(
        {
            "deploy/Dockerfile.web": f"{FROM}COPY . /www\n{SERVE}",
            "deploy/Dockerfile.web.dockerignore": "hidden\n",
            "index.html": "page",
            "hidden": "x",
        }
    )
    assert platform.get("elsewhere").text == "page"
    assert "hidden" not in platform.ok("run", "elsewhere", "--", "ls", "/www")
    platform.ok("builder-dockerfile:set", "elsewhere", "dockerfile-path", "missing")
    platform.ok("builder:set", "elsewhere", "selected", "dockerfile")
    assert "the commit has no missing" in repository.fail({"index.html": "again"})


def test_buildpacks_that_were_asked_for_go_before_a_dockerfile(platform: Instance):
    repository = app(platform, "both")
    platform.ok("buildpacks:set", "both", "static")
    repository.deploy({"Dockerfile": f"{FROM}CMD false\n", "index.html": "static"})
    assert platform.get("both").text == "static"
    platform.ok("builder:set", "both", "selected", "dockerfile")
    assert "exited with code 1" in repository.fail({"index.html": "docker"})


BORROWING = """
FROM paas/app/sharing
FROM paas/stack
RUN python3 -c 'print(6*7)' > /page
FROM scratch
COPY --from=0 /bin /bin
COPY --from=0 /etc/passwd /etc/passwd
COPY --from=1 /page /www/index.html
ENV PATH=/bin
"""


def test_bases_are_stacks_scratch_and_apps_that_share_theirs(platform: Instance):
    app(platform, "sharing").deploy({"Dockerfile": EMPTY})
    other = app(platform, "borrowing")
    text = other.fail({"Dockerfile": BORROWING + SERVE})
    assert "sharing does not share its image with borrowing" in text
    platform.ok("images:set", "sharing", "shared-with", "someone,borrowing")
    other.deploy()
    assert platform.get("borrowing").text == "42\n"


def test_an_image_that_is_nowhere_is_named_with_what_is_there(platform: Instance):
    repository = app(platform, "baseless")
    text = repository.fail({"Dockerfile": "FROM registry.invalid/team/app:1\nCMD true\n"})
    assert "registry.invalid/team/app:1 is not here and cannot be pulled" in text
    assert "paas/stack:build" in text


def test_mistakes_are_told_by_their_line(platform: Instance):
    repository = app(platform, "mistaken")
    assert "no FROM" in repository.fail({"Dockerfile": "RUN true\n"})
    assert "RUNN" in repository.fail({"Dockerfile": f"{FROM}RUNN true\n"})
    assert "missing" in repository.fail({"Dockerfile": f"{FROM}COPY missing /x\n"})
    assert platform.get("mistaken").status_code == 404


def test_a_rebuild_builds_the_commit_again(platform: Instance):
    repository = app(platform, "rebuilt")
    repository.deploy({"Dockerfile": EMPTY})
    assert "as before" in platform.ok("ps:rebuild", "rebuilt")
    platform.ok("docker-options:add", "rebuilt", "build", "--no-cache")
    assert "as before" not in platform.ok("ps:rebuild", "rebuilt")


def steps_of(platform: Instance, words: str) -> Path:
    """The file with the steps that an app kept, by something only its Dockerfile says."""
    folder = platform.settings.state_dir / "dockerfile"
    return next(path for path in folder.glob("*/steps.json") if words in path.read_text())


def test_steps_that_no_build_has_used_of_late_are_forgotten(platform: Instance):
    repository = app(platform, "forgetful")
    for number in range(5):
        run = f"RUN mkdir /www; echo forget-{number} > /www/index.html\n"
        repository.deploy({"Dockerfile": FROM + run + SERVE})
    text = steps_of(platform, "forget-4").read_text()
    assert "forget-1 " not in text
    assert "forget-2 " in text
    assert json.loads(text)["build"] == 5


def test_what_an_app_kept_goes_with_it(platform: Instance):
    repository = app(platform, "going")
    repository.deploy({"Dockerfile": f"{FROM}RUN mkdir /www /going\n{SERVE}"})
    home = steps_of(platform, "/going").parent
    assert list((platform.settings.state_dir / "layers").glob(f"dockerfile-{home.name}-*"))
    platform.ok("apps:destroy", "--force", "going")
    assert not home.exists()
    assert not list((platform.settings.state_dir / "layers").glob(f"dockerfile-{home.name}-*"))


def test_the_repository_is_in_the_build_where_it_is_wished(platform: Instance):
    repository = app(platform, "withgit")
    page = (
        "COPY . /src\nRUN mkdir /www && cat /src/.git/refs/heads/main > /www/index.html || true\n"
    )
    repository.deploy({"Dockerfile": f"{FROM}{page}{SERVE}"})
    assert platform.get("withgit").text == ""
    platform.ok("git:set", "withgit", "keep-git-dir", "true")
    repository.deploy({"more": "x"})
    head = repository.git("rev-parse", "HEAD").stdout.decode()
    assert platform.get("withgit").text == head
