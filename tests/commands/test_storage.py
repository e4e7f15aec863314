"""storage, in the words of those who type it; real mounts are in the end-to-end suite."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from paas.model.app import App
from paas.model.container import Mount
from paas.platform import Platform
from tests.commands.conftest import NOBODY, Admin, boot


def names(admin: Admin) -> list[str]:
    return [one["name"] for one in admin("storage:list-entries", "--format", "json").json()]


# -- volumes ---------------------------------------------------------------------------------


def test_a_volume_is_made_shown_listed_and_destroyed_with_its_files(admin: Admin):
    said = admin.ok("storage:create", "data", "--label", "team=web", "--mode", "750")
    assert said == "-----> Storage entry data created\n"
    folder = admin.platform.settings.state_dir / "volumes" / "data"
    assert folder.stat().st_mode & 0o7777 == 0o750
    found = admin("storage:info", "data", "--format", "json").json()
    assert found["scheduler"] == "docker-local"
    assert found["host_path"] == str(folder)
    assert (found["mode"], found["labels"]) == ("0750", {"team": "web"})
    assert "Host path:" in admin.ok("storage:info", "data")
    assert "data" in admin.ok("storage:list-entries", "--scheduler", "docker-local")
    admin.ok("--force", "storage:destroy", "data", "--destroy-host-dir")
    assert names(admin) == []
    assert not folder.exists()
    assert "Destroy volume data" in admin.ok("events")


def test_a_volumes_files_belong_to_the_apps_user_in_a_range_that_is_nobodys(admin: Admin):
    admin.ok("storage:create", "data")
    admin.ok("storage:create", "owned", "--chown", "1500")
    common = admin.platform.settings.common_uids
    root = admin.platform.settings.state_dir / "volumes"
    assert (root / "data").stat().st_uid == common + 1000
    assert (root / "owned").stat().st_uid == common + 1500
    assert root.stat().st_mode & 0o777 == 0o700


def test_destroying_leaves_the_files_and_making_it_again_has_them_back(admin: Admin):
    admin.ok("storage:create", "data")
    file = admin.platform.settings.state_dir / "volumes" / "data" / "kept"
    file.write_text("kept")
    assert str(file.parent) in admin.ok("storage:destroy", "data", stdin=b"data\n")
    assert names(admin) == []
    admin.ok("storage:create", "data")
    assert file.read_text() == "kept"


def test_destroying_asks_first(admin: Admin):
    admin.ok("storage:create", "data")
    assert "Confirmation did not match" in admin.fails("storage:destroy", "data").err
    assert names(admin) == ["data"]


def test_making_it_again_changes_what_is_given_and_nothing_else(admin: Admin):
    admin.ok("storage:create", "data", "--label", "a=b")
    assert "already exists" in admin.ok("storage:create", "data", "--mode", "0700")
    found = admin("storage:info", "data", "--format", "json").json()
    assert (found["mode"], found["labels"]) == ("0700", {"a": "b"})
    assert "another size" in admin.fails("storage:create", "data", "--size", "1g").err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("Bad_Name",), "not a name for a volume"),
        (("legacy-x",), "not a name for a volume"),
        (("data", "--chown", "65536"), "Unsupported chown"),
        (("data", "--mode", "0888"), "Unsupported directory mode"),
        (("data", "--size", "tiny"), "not a size"),
        (("data", "--label", "novalue"), "expected key=value"),
        (("data", "--label", "=x"), "expected key=value"),
        (("data", "--label", "a\nb=x"), "printable"),
        (("data", "--label", "a=\x1b[31m"), "printable"),
        (("data", "--scheduler", "k3s"), "k3s"),
        (("data", "/etc"), "not below a folder"),
        (("data", "relative"), "not a folder of this server"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_a_volume_is_refused_and_nothing_made(
    admin: Admin, words: tuple[str, ...], why: str
):
    assert why in admin.fails("storage:create", *words).err
    assert names(admin) == []


def test_properties_are_changed_and_forgotten(admin: Admin):
    admin.ok("storage:create", "data")
    admin.ok("storage:set", "data", "mode", "0770")
    folder = admin.platform.settings.state_dir / "volumes" / "data"
    assert folder.stat().st_mode & 0o777 == 0o770
    admin.ok("storage:set", "data", "--chown", "root")
    assert folder.stat().st_uid == admin.platform.settings.common_uids
    admin.ok("storage:set", "data", "mode")
    assert "mode" not in admin("storage:info", "data", "--format", "json").json()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("data",), "No property specified"),
        (("data", "bogus", "x"), "valid properties include"),
        (("data", "mode", "0770", "--chown", "root"), "not both"),
        (("data", "access-mode", "ReadWriteMany"), "cannot change access-mode in place"),
        (("data", "size", "1g"), "no size"),
        (("none", "mode", "0700"), "does not exist"),
    ],
)
def test_properties_that_cannot_be_are_refused(admin: Admin, words: tuple[str, ...], why: str):
    admin.ok("storage:create", "data")
    assert why in admin.fails("storage:set", *words).err


def test_labels_and_annotations_are_kept_apart(admin: Admin):
    admin.ok("storage:create", "data")
    admin.ok("storage:labels:set", "data", "app.kubernetes.io/part-of", "billing")
    admin.ok("storage:annotations:set", "data", "team", "infra")
    assert admin("storage:labels:report", "data", "--format", "json").json() == {
        "app.kubernetes.io/part-of": "billing"
    }
    flag = "--storage-annotations.team"
    assert admin.ok("storage:annotations:report", "data", flag) == "infra\n"
    assert "valid flags" in admin.fails("storage:labels:report", "data", flag).err
    admin.ok("storage:labels:set", "data", "app.kubernetes.io/part-of")
    assert admin("storage:labels:report", "--format", "json").json() == {"data": {}}
    assert "not a key" in admin.fails("storage:labels:set", "data", "a b", "x").err


# -- mounts ----------------------------------------------------------------------------------


def test_a_volume_is_mounted_listed_and_unmounted(admin: Admin, blog: App):
    admin.ok("storage:create", "data")
    said = admin.ok("storage:mount", "blog", "data", "--container-dir", "/app/uploads")
    assert "Storage entry data mounted at /app/uploads on blog" in said
    folder = admin.platform.settings.state_dir / "volumes" / "data"
    listed = admin.ok("storage:list", "blog").splitlines()
    assert admin.ok("--quiet", "storage:list", "blog").splitlines() == listed[1:]
    assert listed == ["-----> blog volume bind-mounts:", f"       {folder}:/app/uploads"]
    (found,) = admin("storage:list", "blog", "--format", "json").json()
    assert (found["host_path"], found["container_path"]) == (str(folder), "/app/uploads")
    assert found["volume_options"] == ""
    report = admin.ok("storage:report", "blog", "--storage-deploy-mounts")
    assert report == f"-v {folder}:/app/uploads\n"
    admin.ok("storage:unmount", "blog", "data")
    assert admin("storage:list", "blog", "--format", "json").json() == []


def test_mounting_again_changes_how_it_is_mounted(admin: Admin, blog: App):
    admin.ok("storage:create", "data")
    where = ("storage:mount", "blog", "data", "--container-dir", "/data")
    admin.ok(*where, "--phase", "run", "--volume-readonly")
    assert "updated" in admin.ok(*where, "--volume-options", "noexec")
    (found,) = admin("storage:list", "blog", "--format", "json").json()
    assert (found["phases"], found["readonly"]) == (["deploy", "run"], False)
    assert found["volume_options"] == "noexec"


def test_a_mounted_volume_is_not_destroyed_and_an_apps_end_takes_none_along(
    admin: Admin, blog: App
):
    admin.ok("storage:create", "data")
    admin.ok("storage:mount", "blog", "data", "--container-dir", "/data")
    assert "still mounted by app(s): blog" in admin.fails("--force", "storage:destroy", "data").err
    admin.platform.store.apps.remove(blog)
    assert names(admin) == ["data"]
    admin.ok("--force", "storage:destroy", "data")


def test_a_volume_that_a_container_has_still_is_not_destroyed(admin: Admin, deployed: App):
    admin.ok("storage:create", "data")
    container = boot(admin.platform, deployed, "worker.1")
    folder = admin.platform.volumes.root / "data"
    mounted = replace(container.spec, mounts=(Mount(folder, "/data", ids=((0, 0, 1),)),))
    replace_container(admin.platform, container.id, mounted)
    said = admin.fails("--force", "storage:destroy", "data", "--destroy-host-dir")
    assert "while worker.1 of blog has it" in said.err
    assert folder.exists()


def replace_container(platform: Platform, identity: str, spec: object) -> None:
    engine = platform.engine
    engine.containers = [  # type: ignore[attr-defined]
        replace(one, spec=spec) if one.id == identity else one for one in engine.list()
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("data",), "--container-dir is required"),
        (("nothing", "--container-dir", "/data"), "does not exist"),
        (("data", "--container-dir", "/proc"), "the system's own"),
        (("data", "--container-dir", "data"), "begin it with /"),
        (("data", "--container-dir", "/a/../etc"), "not a plain path"),
        (("data", "--container-dir", "/data", "--volume-subpath", "../x"), "not a folder within"),
        (("data", "--container-dir", "/data", "--volume-options", "suid"), "not an option"),
        (("data", "--container-dir", "/data", "--process-type", "Web!"), "not a process type"),
        (("data", "--container-dir", "/data", "--phase", "build"), "build"),
        (("/etc:/data",), "not below a folder"),
        (("/a/../etc:/data",), "not a folder of this server"),
        (("a:b:c:d",), "not of the form"),
    ],
)
def test_what_cannot_be_mounted_is_refused(
    admin: Admin, blog: App, words: tuple[str, ...], why: str
):
    admin.ok("storage:create", "data")
    assert why in admin.fails("storage:mount", "blog", *words).err
    assert admin("storage:list", "blog", "--format", "json").json() == []


def test_all_mounts_of_an_app_are_set_and_cleared_at_once(admin: Admin, blog: App):
    admin.ok("storage:create", "data")
    wanted = [
        {"entry_name": "data", "container_path": "/a", "process_type": "web", "readonly": True},
        {"entry_name": "data", "container_path": "/b", "process_type": "_default_"},
    ]
    admin.ok("storage:mounts:set", "blog", stdin=json.dumps(wanted).encode())
    found = admin("storage:list", "blog", "--format", "json")
    assert [(one["container_path"], one["volume_options"]) for one in found.json()] == [
        ("/a", "ro"),
        ("/b", ""),
    ]
    admin.ok("storage:mounts:set", "blog", "-", stdin=found.out.encode())
    assert admin("storage:list", "blog", "--format", "json").out == found.out
    admin.ok("storage:mounts:clear", "blog")
    assert admin("storage:list", "blog", "--format", "json").json() == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "at least one"), ("[]", "at least one"), ("{", "Unable to parse"),
        ("[1]", "attachment 0"),
        ('[{"entry_name": "data"}]', "attachment 0"),
        ('[{"entry_name": "data", "container_path": "/a", "phases": ["build"]}]', "not a phase"),
        ('[{"entry_name": "data", "container_path": 7}]', "attachment 0"),
        ('[{"entry_name": "none", "container_path": "/a"}]', "does not exist"),
        ('[{"entry_name": "data", "container_path": "/a", "subpath": "../.."}]', "within a volume"),
    ],
)  # fmt: skip
def test_a_list_of_mounts_with_one_that_cannot_be_changes_nothing(
    admin: Admin, blog: App, text: str, why: str
):
    admin.ok("storage:create", "data")
    admin.ok("storage:mount", "blog", "data", "--container-dir", "/before")
    before = admin("storage:list", "blog", "--format", "json").out
    assert why in admin.fails("storage:mounts:set", "blog", stdin=text.encode()).err
    assert admin("storage:list", "blog", "--format", "json").out == before


def test_a_clone_of_an_app_has_its_mounts(admin: Admin, blog: App):
    admin.ok("storage:create", "data")
    admin.ok("storage:mount", "blog", "data", "--container-dir", "/data")
    admin.ok("apps:clone", "--skip-deploy", "blog", "copy")
    assert "/data" in admin.ok("storage:list", "copy")


# -- folders of the server -------------------------------------------------------------------


def test_dokkus_older_form_mounts_a_folder_below_an_allowed_root(
    admin: Admin, blog: App, roots: Path
):
    said = admin.ok("storage:ensure-directory", "blog")
    assert f"-----> Ensuring {roots}/blog exists" in said
    assert "Setting directory ownership to 1000:1000" in said
    assert (roots / "blog").stat().st_uid == 1000
    admin.ok("storage:mount", "blog", f"{roots}/blog:/storage:ro")
    assert admin.ok("storage:list", "blog").endswith(f"{roots}/blog:/storage:ro\n")
    again = admin.fails("storage:mount", "blog", f"{roots}/blog:/storage")
    assert "Mount path already exists" in again.err
    admin.ok("storage:unmount", "blog", f"{roots}/blog:/storage")
    assert "Mount path does not exist" in admin.fails(
        "storage:unmount", "blog", f"{roots}/blog:/storage"
    ).err  # fmt: skip
    assert names(admin) == []


def test_links_lead_no_volume_out_of_the_allowed_root(admin: Admin, blog: App, roots: Path):
    (roots / "out").symlink_to("/etc")
    (roots / "up").symlink_to("..")
    for path in ("out", "out/ssh", "up", "up/state"):
        assert "cannot be made" in admin.fails("storage:create", "x", f"{roots}/{path}").err
    assert names(admin) == []
    assert not list(Path("/etc").glob("x"))


def test_the_platforms_own_folders_are_never_given_away(admin: Admin, blog: App):
    state = admin.platform.settings.state_dir
    for root in (state, state.parent, Path("/"), Path("/etc/x"), Path("/var")):
        settings = replace(admin.platform.settings, storage_roots=(str(root),))
        admin.platform.volumes.settings = settings
        said = admin.fails("storage:create", "x", f"{state}/repos")
        assert "which no app may have mounted" in said.err


def test_folders_of_the_server_keep_their_files_for_the_server(admin: Admin, roots: Path):
    admin.ok("storage:create", "mine", f"{roots}/deep/mine", "--chown", "1500")
    assert (roots / "deep/mine").stat().st_uid == 1500
    said = admin.fails("--force", "storage:destroy", "mine", "--destroy-host-dir")
    assert "folder of the server" in said.err
    assert "--size" in admin.fails("storage:create", "x", f"{roots}/x", "--size", "1g").err
    assert "folder of the server" in admin.fails("storage:snapshot", "mine").err


def test_options_of_docker_become_mounts(admin: Admin, blog: App, roots: Path):
    admin.ok("storage:ensure-directory", "blog")
    store = admin.platform.store.docker_options
    option = f"--volume {roots}/blog:/storage"
    for phase in ("deploy", "run"):
        store.set(blog, phase, (option,))
    admin.ok("storage:migrate", "--all")
    assert f"{roots}/blog:/storage" in admin.ok("storage:list", "blog")
    assert list(store.list(blog, "deploy")) == []
    assert "or --all" in admin.fails("storage:migrate").err


def test_who_has_no_role_does_nothing(admin: Admin, blog: App):
    for words in (("storage:create", "x"), ("storage:list", "blog"), ("storage:exec", "x", "id")):
        assert admin(*words, caller=NOBODY).status == 77


def test_what_is_not_there_is_told(admin: Admin, blog: App):
    admin.ok("storage:create", "data")
    assert "no snapshot none" in admin.fails("storage:restore", "data", "none").err
    assert "no snapshot none" in admin.fails("storage:snapshot-destroy", "data", "none").err
    assert "not a name for a snapshot" in admin.fails("storage:snapshot", "data", "../x").err
    assert "does not exist" in admin.fails("storage:snapshots", "none").err
    assert "does not exist" in admin.fails("storage:clone", "none", "new").err
    assert "does not exist" in admin.fails("storage:exec", "none").err
    of_image = ("storage:exec", "--image")
    assert "no image none" in admin.fails(*of_image, "none", "data", "id").err
    assert "not been deployed" in admin.fails(*of_image, "blog", "data", "id").err
    assert "v7" in admin.fails(*of_image, "blog:v7", "data", "id").err
    assert admin("storage:snapshots", "data", "--format", "json").json() == []
    admin.ok("storage:wait", "data")
    assert "does not exist" in admin.fails("storage:wait", "none").err
