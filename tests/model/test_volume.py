"""Volumes: which names, paths and options may be, and which mounts stand beside each other."""

from collections.abc import Callable

import pytest

from paas.errors import PaasError, UsageError
from paas.model import volume
from paas.model.volume import Attachment

HOSTILE = ("", "/", "..", "a/../b", "a\nb", "-x", "a\0b", "x" * 5000, "é\u202e")


@pytest.mark.parametrize(
    "text", [*HOSTILE, "Upper", "under_score", "a" * 46, "-a", "a-", "legacy-x"]
)
def test_what_is_no_name_for_a_volume_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a name for a volume"):
        volume.volume_name(text)


def test_a_name_we_made_of_a_path_is_known_again() -> None:
    assert volume.volume_name("legacy-0123456789", made=True) == "legacy-0123456789"


@pytest.mark.parametrize("text", ["/data", "/app/storage", "/var/lib/postgresql/data", "/srv/a b"])
def test_ordinary_places_may_be_mounted_upon(text: str) -> None:
    assert volume.container_path(f"{text}/") == text


@pytest.mark.parametrize(
    "text",
    ["data", "", "/", "//", "/a/../b", "/a//b", "/./a", "/proc", "/proc/sys", "/sys/fs", "/dev/shm",
     "/.paas/init", "/layers/0", "/etc", "/etc/hosts", "/etc/resolv.conf", "/etc/ssl/certs/x",
     "/usr", "/bin", "/a\nb", "/a\0", "/" + "x" * 2000],
)  # fmt: skip
def test_places_of_the_system_and_detours_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        volume.container_path(text)


@pytest.mark.parametrize("text", ["..", "a/../b", "../a", "a\nb", "a\0", "x" * 2000])
def test_a_folder_within_a_volume_leads_nowhere_else(text: str) -> None:
    with pytest.raises(UsageError):
        volume.subpath(text)


def test_a_folder_within_a_volume_is_written_plainly() -> None:
    assert volume.subpath("/uploads/./images/") == "uploads/images"


@pytest.mark.parametrize(
    ("check", "text"),
    [(volume.owner_word, "65536"), (volume.owner_word, "-1"), (volume.owner_word, "0x1"),
     (volume.folder_mode, "0888"), (volume.folder_mode, "u+rwx"), (volume.folder_mode, "4755"),
     (volume.size, "1k"), (volume.size, "much"), (volume.size, "-1g"),
     (volume.mount_options, "suid"), (volume.mount_options, "ro,dev"),
     (volume.mount_options, "exec"), (volume.host_path, "a"), (volume.host_path, "/"),
     (volume.host_path, "/a/../b")],
)  # fmt: skip
def test_what_no_volume_can_have_is_refused(check: Callable[[str], object], text: str) -> None:
    with pytest.raises(UsageError):
        check(text)


def test_buildpack_apps_own_what_dokku_calls_herokuish_and_heroku() -> None:
    ids = {word: volume.owner_id(word) for word in ("herokuish", "heroku", "root", "1500", "false")}
    assert ids == {"herokuish": 1000, "heroku": 1000, "root": 0, "1500": 1500, "false": None}


def at(path: str, kind: str = "", phases: tuple[str, ...] = volume.PHASES) -> Attachment:
    return Attachment("data", path, phases, kind)


@pytest.mark.parametrize(
    "found",
    [(at("/data"), at("/data/below")), (at("/data/below"), at("/data")),
     (at("/data"), at("/data", "web")), (at("/data", "web"), at("/data", "web"))],
)  # fmt: skip
def test_no_mount_lies_within_another(found: tuple[Attachment, ...]) -> None:
    with pytest.raises(PaasError, match="within each other"):
        volume.refuse_overlaps(found)


def test_mounts_that_never_meet_stand_beside_each_other() -> None:
    volume.refuse_overlaps([at("/data"), at("/data2")])
    volume.refuse_overlaps([at("/data", "web"), at("/data", "worker")])
    volume.refuse_overlaps([at("/data", phases=("deploy",)), at("/data", phases=("run",))])


def test_a_mount_is_for_its_phases_and_its_process_type() -> None:
    one = at("/data", "web", ("deploy",))
    assert one.serves("deploy", "web")
    assert not one.serves("deploy", "worker")
    assert not one.serves("run", "web")
    assert at("/data").serves("run", "anything")
