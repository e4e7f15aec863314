"""Apps that are images: deployed from an archive, run as they want to be, shown and carried on."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e import images
from tests.e2e.instance import Instance


@pytest.fixture(scope="module")
def loaded(platform: Instance) -> str:
    """An app that was deployed from an archive."""
    platform.ok("apps:create", "loaded")
    text = platform.ok("git:load-image", "loaded", "x:latest", stdin=images.archive())
    assert "Application deployed" in text
    return "loaded"


def test_an_image_is_deployed_from_what_docker_save_writes(platform: Instance, loaded: str):
    assert platform.get(loaded).text == "from an image"
    release = platform.json("releases:info", loaded)
    assert release["description"] == "Deploy image x:latest"  # type: ignore[index]


def test_its_root_is_no_root_of_the_host_and_its_user_is_its_own(platform: Instance, loaded: str):
    assert platform.ok("run", loaded, "--", "id", "-u").strip() == "0"
    inspected = json.loads(platform.ok("ps:inspect", loaded))[0]
    status = Path(f"/proc/{inspected['pid']}/status").read_text()
    uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    assert all(int(uid) > 1_000_000_000 for uid in uids)


def test_the_port_it_exposes_gets_the_requests_and_is_named_in_port(
    platform: Instance, loaded: str
):
    assert platform.ok("run", loaded, "--", "sh", "-c", "echo $PORT").strip() == "8080"


def test_the_same_image_again_is_no_deploy(platform: Instance, loaded: str):
    before = platform.json("releases:list", loaded)
    text = platform.ok("git:load-image", loaded, "x:latest", stdin=images.archive())
    assert "nothing to deploy" in text
    assert platform.json("releases:list", loaded) == before


def test_a_new_image_takes_over_and_the_old_one_can_come_back(platform: Instance, loaded: str):
    platform.ok("git:load-image", loaded, "x:2", stdin=images.archive("second"))
    assert platform.get(loaded).text == "second"
    platform.ok("releases:rollback", loaded)
    assert platform.get(loaded).text == "from an image"


def test_an_image_that_does_not_come_up_leaves_the_old_one_serving(platform: Instance, loaded: str):
    broken = images.archive("broken", Cmd=["/bin/busybox", "false"])
    done = platform.paas("git:load-image", loaded, "x:3", stdin=broken)
    assert done.returncode == 1
    assert "exited with code 1" in done.stdout.decode() + done.stderr.decode()
    assert platform.get(loaded).text == "from an image"


def test_a_user_a_directory_and_an_entrypoint_are_honoured(platform: Instance):
    platform.ok("apps:create", "seated")
    data = images.archive(
        User="web",
        WorkingDir="/www",
        Entrypoint=["/bin/sh", "-c", 'exec "$@"', "entry"],
        Env=["PATH=/bin", "GREETING=hello"],
        StopSignal="SIGINT",
    )
    platform.ok("git:load-image", "seated", "x:latest", stdin=data)
    assert platform.get("seated").text == "from an image"
    shown = platform.ok("run", "seated", "--", "sh", "-c", "id -u; pwd; echo $GREETING $HOME")
    assert shown.split() == ["1000", "/www", "hello", "/home/web"]


def test_root_of_an_image_may_hand_over_files_and_become_somebody_else(platform: Instance):
    platform.ok("apps:create", "chowns")
    start = "chown web /www/index.html && exec su web -c 'exec httpd -f -p 80 -h /www'"
    data = images.archive(Cmd=["/bin/sh", "-c", start], ExposedPorts={"80/tcp": {}})
    platform.ok("git:load-image", "chowns", "x:latest", stdin=data)
    assert platform.get("chowns").text == "from an image"
    assert platform.ok("enter", "chowns", "web", "ls", "-l", "/www/index.html").split()[2] == "web"


def test_a_healthcheck_of_the_image_is_what_a_deploy_asks(platform: Instance):
    platform.ok("apps:create", "healthy")
    check = {"Test": ["CMD", "/bin/cat", "/www/index.html"], "Interval": 10**9, "Retries": 2}
    text = platform.ok("git:load-image", "healthy", "x:1", stdin=images.archive(Healthcheck=check))
    assert "All checks successful" in text
    assert "HEALTHCHECK" in platform.ok("checks:report", "healthy")
    sick = {**check, "Test": ["CMD-SHELL", "echo I feel sick; exit 1"], "Interval": 10**8}
    done = platform.paas("git:load-image", "healthy", "x:2", stdin=images.archive(Healthcheck=sick))
    assert done.returncode == 1
    assert "HEALTHCHECK" in done.stderr.decode()
    assert "I feel sick" in done.stderr.decode() + done.stdout.decode()
    assert platform.get("healthy").text == "from an image"


def test_volumes_of_the_image_are_told(platform: Instance):
    platform.ok("apps:create", "volumes")
    data = images.archive(Volumes={"/data": {}})
    done = platform.paas("git:load-image", "volumes", "x:1", stdin=data)
    assert done.returncode == 0
    assert "/data" in done.stderr.decode()


def test_a_procfile_in_the_image_counts(platform: Instance):
    parts = images.layers()
    procfile = "web: httpd -f -p $PORT -h /www\nworker: sleep 1000\n"
    parts.append(images.archives.layer(images.Member("www/Procfile", procfile.encode())))
    document = images.document(parts, WorkingDir="/www", Entrypoint=None)
    platform.ok("apps:create", "procfiled")
    archive = images.archives.docker_archive(parts, document)
    platform.ok("git:load-image", "procfiled", "x:1", stdin=archive)
    assert platform.get("procfiled").text == "from an image"
    assert platform.json("ps:scale", "procfiled") == [
        {"process_type": "web", "quantity": 1},
        {"process_type": "worker", "quantity": 0},
    ]


def test_an_image_with_nothing_to_run_is_refused(platform: Instance):
    platform.ok("apps:create", "idle")
    done = platform.paas("git:load-image", "idle", "x:1", stdin=images.archive(Cmd=None))
    assert done.returncode == 1
    assert "nothing to run" in done.stderr.decode()


def test_images_are_listed_with_what_they_share(platform: Instance, loaded: str):
    rows = platform.json("images:list", loaded)
    current = next(row for row in rows if row["current"])  # type: ignore[index]
    assert current["name"].startswith("paas/app/loaded:v")
    assert current["size_bytes"] >= images.BUSYBOX.stat().st_size
    assert current["own_bytes"] + current["shared_bytes"] == current["size_bytes"]
    assert "paas/app/loaded:v" in platform.ok("images:list")


def test_an_image_is_inspected_step_by_step(platform: Instance, loaded: str):
    found = platform.json("images:inspect", loaded)
    assert [step["step"] for step in found["steps"]] == ["step 0", "step 1"]  # type: ignore[index]
    base = found["steps"][0]  # type: ignore[index]
    assert base["largest"][0]["path"] == "/bin/busybox"
    assert base["files"] == 3 + len(images.APPLETS)
    text = platform.ok("images:inspect", loaded)
    assert "/bin/busybox" in platform.ok("images:inspect", loaded, "--quiet")
    assert "/bin/busybox" in text
    assert "Ports:" in text


def test_an_image_is_exported_and_imported_under_a_name(
    platform: Instance, loaded: str, tmp_path: Path
):
    done = platform.paas("images:export", loaded)
    assert done.returncode == 0, done.stderr.decode()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tags = json.load(tar.extractfile("manifest.json"))[0]["RepoTags"]  # type: ignore[arg-type]
    assert tags[0].startswith("loaded:v")
    platform.ok("images:import", "team/base:1", stdin=done.stdout)
    assert "team/base:1" in platform.ok("images:list")
    platform.ok("apps:create", "imported")
    platform.ok("git:from-image", "imported", "team/base:1")
    assert platform.get("imported").text == "from an image"
    platform.ok("images:tag", "team/base:1", "team/base:stable")
    platform.ok("images:remove", "team/base:1", "team/base:stable")
    assert "team/base" not in platform.ok("images:list").replace("image team/base", "")
    assert platform.get("imported").text == "from an image"
    target = tmp_path / "layout"
    platform.ok("images:export", "imported", "--format", "oci", "--output", str(target))
    inspected = subprocess.run(
        ["skopeo", "inspect", f"oci:{target}"], check=True, capture_output=True, timeout=60
    )
    assert len(json.loads(inspected.stdout)["Layers"]) == 2
    platform.ok("git:from-image", "imported", f"oci:{target}")


def test_an_archive_is_deployed_over_ssh(platform: Instance):
    assert platform.ssh("apps:create", "remote").returncode == 0
    done = platform.ssh(
        "git:from-image", "remote", "docker-archive:-", "Ann", "ann@example.com",
        stdin=images.archive("over ssh"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert platform.get("remote").text == "over ssh"
    assert "for Ann <ann@example.com>" in platform.ok("events", "--app", "remote")
    done = platform.ssh("git:from-image", "remote", "docker-archive:/etc/passwd")
    assert done.returncode == 2
    assert "only root" in done.stderr.decode()


def test_an_app_of_buildpacks_is_an_image_too(platform: Instance):
    repository = platform.repository("packed")
    repository.deploy({"index.html": "static page"})
    done = platform.paas("images:export", "packed")
    platform.ok("apps:create", "unpacked")
    text = platform.ok("git:load-image", "unpacked", "packed:v1", stdin=done.stdout)
    assert "Application deployed" in text
    assert platform.get("unpacked").text == "static page"
    steps = platform.json("images:inspect", "packed")["steps"]  # type: ignore[index]
    assert "stack" in steps[0]["step"]
    assert "commit" in steps[-1]["step"]


def test_rebuilding_an_app_from_a_name_takes_the_names_new_image(platform: Instance):
    platform.ok("images:import", "web:1", stdin=images.archive("one"))
    platform.ok("apps:create", "followed")
    platform.ok("git:from-image", "followed", "web:1")
    platform.ok("images:import", "web:1", stdin=images.archive("two"))
    assert platform.get("followed").text == "one"
    platform.ok("ps:rebuild", "followed")
    assert platform.get("followed").text == "two"


def test_names_of_the_platform_and_odd_ones_are_refused(platform: Instance):
    for name in ("paas/stack:run", "UPPER", "a b", "-x"):
        assert platform.paas("images:import", "--", name, stdin=b"").returncode == 2, name
    assert platform.paas("images:inspect", "nothing:here").returncode == 1
    assert platform.paas("images:remove", "paas/app/loaded:v1").returncode == 1


def test_an_image_is_kept_under_a_tag_and_deployed_again(platform: Instance):
    platform.ok("apps:create", "tagged")
    platform.ok("git:load-image", "tagged", "x:1", stdin=images.archive("first"))
    assert "Added v1.0 tag to tagged" in platform.ok("tags:create", "tagged", "v1.0")
    platform.ok("git:load-image", "tagged", "x:2", stdin=images.archive("second"))
    found = platform.json("tags", "tagged")
    assert [row["tag"] for row in found] == ["latest", "v1.0"]  # type: ignore[index]
    platform.ok("tags:deploy", "tagged", "v1.0")
    assert platform.get("tagged").text == "first"
    platform.ok("tags:destroy", "tagged", "v1.0")
    done = platform.paas("tags:deploy", "tagged", "v1.0")
    assert done.returncode == 1
    assert "has no tag v1.0" in done.stderr.decode()
    platform.ok("tags:deploy", "tagged", "latest")
    assert platform.get("tagged").text == "first"
    for refused in ("latest", "a/b"):
        assert platform.paas("tags:create", "tagged", refused).returncode in (1, 2)
