"""backup, restore and apps on their way, as far as words go; tests/backup does it for real."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paas.backup import scheduled, shelf
from paas.backup.footer import ZSTD, footer
from paas.model.app import App
from tests.commands.conftest import ADMIN, NOBODY, ROOT, Admin

WHOLE = ZSTD + b"looks whole"


def put(folder: Path, name: str, content: bytes = WHOLE, *, whole: bool = True) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / name).write_bytes(content + (footer(len(content)) if whole else b""))
    return folder / name


@pytest.fixture
def folder(admin: Admin) -> Path:
    return admin.platform.settings.state_dir / "backups"


def names(admin: Admin) -> list[tuple[str, str]]:
    listed = admin("backup:list", "--format", "json").json()
    return [(Path(one["file"]).name, one["problem"]) for one in listed]


def test_the_backups_of_the_folder_are_listed_newest_first(admin: Admin, folder: Path):
    name = admin.platform.settings.name
    put(folder, f"{name}-20260101T000000Z.tar.zst")
    put(folder, f"{name}-scheduled-20260103T000000Z.tar.zst")
    put(folder, f"{name}-20260102T000000Z.tar.zst", whole=False)
    put(folder, f"other-{name}-20260104T000000Z.tar.zst")
    put(folder, "holiday.jpg")
    assert names(admin) == [
        (f"{name}-scheduled-20260103T000000Z.tar.zst", ""),
        (f"{name}-20260102T000000Z.tar.zst", "the backup is damaged: it is cut short"),
        (f"{name}-20260101T000000Z.tar.zst", ""),
    ]
    shown = admin.ok("backup:list")
    assert str(folder) in shown
    assert "cut short" in shown


def test_no_backups_are_no_error(admin: Admin):
    assert names(admin) == []
    assert "Backups in" in admin.ok("backup:list")


# -- the schedule ------------------------------------------------------------------------


def test_a_schedule_is_set_shown_and_ended(admin: Admin, tmp_path: Path):
    secret = tmp_path / "passphrase"
    secret.write_text("five words are a passphrase\n")
    secret.chmod(0o600)
    argv = ("--keep", "3", "--directory", str(tmp_path), "--with-images", "--passphrase-file",
            str(secret))  # fmt: skip
    said = admin.ok("backup:schedule", "0  3 * * *", *argv)
    assert "The next backup is made at" in said
    report = admin("backup:report", "--global", "--format", "json").json()
    assert report["computed-schedule"] == "0 3 * * *"
    assert (report["computed-keep"], report["computed-directory"]) == ("3", str(tmp_path))
    assert report["computed-with-images"] == "true"
    assert report["computed-with-logs"] == "false"
    assert report["next-run"][11:19] == "03:00:00"
    assert "five words" not in str(report)
    admin.ok("backup:unschedule")
    report = admin("backup:report", "--global", "--format", "json").json()
    assert (report["computed-schedule"], report["next-run"]) == ("", "")


@pytest.mark.parametrize("cron", ["", "x", "* * *", "61 * * * *", "0 0 31 2 *"])
def test_a_schedule_that_never_comes_is_refused(admin: Admin, cron: str):
    admin.fails("backup:schedule", cron)
    assert scheduled.current(admin.platform) is None


def test_a_folder_and_a_passphrase_are_looked_at_before_they_are_needed(
    admin: Admin, tmp_path: Path
):
    assert "not a folder" in admin.fails("backup:schedule", "0 3 * * *", "--directory", "/no").err
    (tmp_path / "open").write_text("everybody can read this\n")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "short").chmod(0o600)
    for name, why in (("open", "others can read"), ("short", "8 to"), ("none", "cannot be read")):
        file = str(tmp_path / name)
        said = admin.fails("backup:schedule", "0 3 * * *", "--passphrase-file", file)
        assert why in said.err
    assert scheduled.current(admin.platform) is None


def test_properties_of_backups_are_the_instances_alone(admin: Admin, blog: App):
    assert "not of apps" in admin.fails("backup:set", "blog", "keep", "3").err
    admin.ok("backup:set", "--global", "keep", "3")
    admin.fails("backup:set", "--global", "keep", "0")
    admin.fails("backup:set", "--global", "keep", "many")
    admin.fails("backup:set", "--global", "with-images", "perhaps")
    report = admin("backup:report", "--global", "--format", "json").json()
    assert report["computed-keep"] == "3"


def test_a_backup_is_due_when_its_time_came_and_once_for_all_that_were_missed(admin: Admin):
    now = datetime.now(UTC)  # three o'clock may come while this runs
    admin.ok("backup:schedule", "0 3 * * *")
    current = scheduled.current(admin.platform)
    assert current is not None
    assert scheduled.due_at(admin.platform, current) > now
    week_ago = now - timedelta(days=7)
    scheduled.remember(admin.platform, since=week_ago.isoformat())
    current = scheduled.current(admin.platform)
    assert current is not None
    assert scheduled.due_at(admin.platform, current) < now
    scheduled.remember(admin.platform, last_run=scheduled.now())
    assert scheduled.due_at(admin.platform, current) > now


def test_a_clock_that_went_back_does_not_end_the_backups(admin: Admin):
    admin.ok("backup:schedule", "* * * * *")
    later = datetime.now(UTC) + timedelta(days=400)
    scheduled.remember(admin.platform, last_run=later.isoformat(), since=later.isoformat())
    current = scheduled.current(admin.platform)
    assert current is not None
    due = scheduled.due_at(admin.platform, current)
    assert due - datetime.now(UTC) <= timedelta(minutes=1)


def test_only_scheduled_backups_that_look_whole_make_room_for_newer_ones(
    admin: Admin, folder: Path
):
    name = admin.platform.settings.name
    for day in range(1, 6):
        put(folder, f"{name}-scheduled-2026010{day}T000000Z.tar.zst", whole=day != 5)
        put(folder, f"{name}-2026010{day}T000000Z.tar.zst")
    doomed = shelf.surplus(shelf.kept(admin.platform), 2)
    assert [one.path.name for one in doomed] == [
        f"{name}-scheduled-20260102T000000Z.tar.zst",
        f"{name}-scheduled-20260101T000000Z.tar.zst",
    ]


# -- words -------------------------------------------------------------------------------


def test_files_belong_to_the_machines_own_root(admin: Admin, blog: App):
    for words in (
        ("backup", "/tmp/x"), ("backup", "--app", "blog", "/tmp/x"), ("restore", "/tmp/x"),
        ("backup:verify", "/tmp/x"), ("apps:export", "blog", "/tmp/x"),
        ("apps:import", "new", "/tmp/x"), ("restore", "--passphrase-file", "/root/x"),
    ):  # fmt: skip
        said = admin.fails(*words, caller=ADMIN)
        assert (said.status, "only by the machine's own root" in said.err) == (2, True)


def test_a_relative_file_is_where_the_caller_is(admin: Admin, tmp_path: Path):
    admin.environment["PWD"] = str(tmp_path)
    said = admin.fails("restore", "nothing.tar.zst", caller=ROOT)
    assert f"{tmp_path}/nothing.tar.zst cannot be read: no such file or directory" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "--app", "nobody"),
        ("apps:export", "nobody"),
        ("apps:clone", "nobody", "copy"),
    ],
)
def test_an_app_that_is_not_there_exits_with_dokkus_code(admin: Admin, words: tuple[str, ...]):
    assert admin.fails(*words).status == 20


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "--nonsense"),
        ("backup", "a", "b"),
        ("apps:export",),
        ("apps:import", "Not A Name"),
        ("apps:import", "fine", "--from", "../x"),
        ("apps:clone", "blog"),
        ("apps:clone", "blog", "UPPER"),
        ("backup:verify",),
        ("backup:schedule",),
        ("restore", "a", "b"),
    ],
)
def test_wrong_words_are_told_the_right_ones(admin: Admin, blog: App, words: tuple[str, ...]):
    assert admin.fails(*words).status == 2
    assert admin.platform.store.apps.list() == [blog]


def test_a_passphrase_is_long_enough_and_given_once(admin: Admin, tmp_path: Path):
    assert "8 to" in admin.fails("backup", "--passphrase-stdin", stdin=b"short\n").err
    said = admin.fails("restore", "--passphrase-stdin", stdin=b"\xff\xfe" * 20 + b"\n")
    assert "not text" in said.err
    file = str(tmp_path / "x")
    said = admin.fails("backup", "--passphrase-stdin", "--passphrase-file", file, caller=ROOT)
    assert "not both" in said.err


def test_who_is_no_administrator_may_do_nothing_of_it(admin: Admin, blog: App):
    for words in (
        ("backup",), ("restore",), ("backup:list",), ("backup:verify", "x"), ("backup:report",),
        ("backup:schedule", "0 3 * * *"), ("backup:unschedule",), ("apps:export", "blog"),
        ("apps:import",), ("apps:clone", "blog", "copy"),
        ("backup:set", "--global", "keep", "3"),
    ):  # fmt: skip
        assert admin(*words, caller=NOBODY).status == 77


def test_an_instance_with_apps_is_not_restored_onto(admin: Admin, blog: App):
    said = admin.fails("restore", stdin=WHOLE + footer(len(WHOLE)))
    assert "there are apps here: blog; nothing was changed" in said.err


def test_a_file_named_from_a_folder_that_is_gone_is_nowhere(admin: Admin):
    said = Admin(admin.platform, ROOT).fails("backup", "made.tar.zst")
    assert "made.tar.zst is named from a folder that is not there" in said.err
    assert "give its whole path" in said.err
