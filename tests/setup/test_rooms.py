"""The parts of quickstart that can be shown without a whole machine."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paas import settings as settings_module
from paas.command import Completed, Runner
from paas.errors import PaasError
from paas.settings import Settings
from paas.setup import (
    background,
    environment,
    keys,
    leftovers,
    links,
    options,
    packages,
    respawn,
)
from paas.setup.children import follow
from paas.setup.instance import Instance, Record, merged_toml
from paas.setup.options import Errand
from paas.setup.together import together


class Scripted(Runner):
    """Answers by a program's first words; keeps what was run."""

    def __init__(self, answers: dict[tuple[str, ...], str]) -> None:
        self.answers = answers
        self.ran: list[tuple[str, ...]] = []

    def run(self, argv, **_):  # type: ignore[no-untyped-def,override]
        self.ran.append(tuple(argv))
        text = next(
            (t for words, t in self.answers.items() if tuple(argv[: len(words)]) == words), ""
        )
        return Completed(tuple(argv), 0, text.encode(), b"")


# -- settings -------------------------------------------------------------------------


def test_the_settings_file_has_what_was_chosen_and_reads_back(settings: Settings) -> None:
    instance = Instance(settings)
    assert instance.write_settings()
    assert settings_module.load({"PAAS_SETTINGS": str(instance.settings_file)}) == settings
    assert instance.settings_file.stat().st_mode & 0o777 == 0o600


def test_writing_the_settings_twice_changes_nothing(settings: Settings) -> None:
    instance = Instance(settings)
    instance.write_settings()
    assert not instance.write_settings()


def test_a_choice_changes_its_line_and_keeps_the_rest_of_the_file() -> None:
    text = '# mine\ndomain = "old.example"\nssh_port = 22\n'
    changed = merged_toml(text, {"domain": "new.example", "egress_denied": ("10.0.0.0/8",)})
    assert changed.startswith('# mine\ndomain = "new.example"\nssh_port = 22\n')
    assert tomllib.loads(changed)["egress_denied"] == ["10.0.0.0/8"]


def test_only_the_machines_own_instance_uses_etc(settings: Settings) -> None:
    assert Instance(Settings()).settings_file == Path("/etc/paas/paas.toml")
    assert Instance(settings).settings_file == settings.state_dir / "paas.toml"


def test_the_record_grows_and_keeps_what_was_noted_first(settings: Settings) -> None:
    instance = Instance(settings)
    instance.note(Record(packages=("nginx",), key="/root/.ssh/id_ed25519"))
    instance.note(Record(packages=("runc", "nginx"), key="/other"))
    assert instance.record() == Record(packages=("nginx", "runc"), key="/root/.ssh/id_ed25519")


# -- packages -------------------------------------------------------------------------


def test_nothing_is_asked_of_apt_when_every_package_is_there() -> None:
    runner = Scripted({("dpkg-query",): "ii  nginx\nii  runc\nrc  conmon\n"})
    assert packages.install(runner, ("nginx", "runc"), print) == set()
    assert [argv[0] for argv in runner.ran] == ["dpkg-query"]


def removing(simulated_autoremove: str, simulated_purge: str) -> tuple[list[str], Scripted]:
    said: list[str] = []
    runner = Scripted({
        ("dpkg-query",): "ii  nginx\nii  runc\nii  my-site\n",
        ("apt-get", "--simulate", "autoremove"): simulated_autoremove,
        ("apt-get", "--simulate", "purge"): simulated_purge,
    })  # fmt: skip
    runner.spawn = Recorded(runner)  # type: ignore[method-assign]
    packages.remove(runner, ("nginx", "runc", "conmon"), said.append)
    return said, runner


class Recorded:
    """Stands for spawn: notes the words and runs nothing."""

    def __init__(self, runner: Scripted) -> None:
        self.runner = runner

    def __call__(self, argv, **_):  # type: ignore[no-untyped-def]
        self.runner.ran.append(tuple(argv))
        return subprocess.Popen(["/bin/true"], stdout=subprocess.PIPE)


def test_a_package_that_something_needs_by_now_stays() -> None:
    said, runner = removing("Remv runc [1]\nRemv old-thing [1]\n", "Purg runc [1]\n")
    assert ("apt-get", "purge", "--yes", "runc") in runner.ran
    assert "needed by others, so they stay: nginx" in said


def test_packages_are_not_purged_when_something_else_would_go_too() -> None:
    said, runner = removing("Remv nginx [1]\n", "Purg my-site [1]\nPurg nginx [1]\n")
    assert all("--yes" not in argv for argv in runner.ran)
    assert any("my-site" in line for line in said)


def test_the_policy_against_starting_servers_is_taken_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    with packages.no_servers_started():
        assert (
            subprocess.run([tmp_path / "policy-rc.d", "nginx", "start"], check=False).returncode
            == 101
        )
        assert (
            subprocess.run([tmp_path / "policy-rc.d", "cron", "start"], check=False).returncode == 0
        )
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_policy_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    monkeypatch.setattr(packages, "POLICY", policy)
    with packages.no_servers_started():
        pass
    assert policy.read_text() == "#!/bin/sh\nexit 101\n"


# -- the environment --------------------------------------------------------------------


def test_a_lock_that_changed_is_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    (tmp_path / "requirements.lock").write_text("six==1\n")
    (tmp_path / "venv").mkdir()
    for name, value in (
        ("CHECKOUT", tmp_path),
        ("VENV", tmp_path / "venv"),
        ("STAMP", tmp_path / "venv" / "stamp"),
        ("PYTHON", Path(sys.executable)),
    ):
        monkeypatch.setattr(environment, name, value)  # fmt: skip
    monkeypatch.setattr(
        environment,
        "make",
        lambda _, lock: made.append(lock) or (tmp_path / "venv").mkdir(exist_ok=True),
    )
    for _ in range(2):
        environment.ensure(Runner(), "requirements.lock", print)
    assert made == ["requirements.lock"]
    (tmp_path / "requirements.lock").write_text("six==2\n")
    environment.ensure(Runner(), "requirements.lock", print)
    assert made == ["requirements.lock"] * 2


# -- the daemon -------------------------------------------------------------------------


def test_the_unit_starts_this_checkout_and_spares_the_containers(settings: Settings) -> None:
    text = background.unit_text(Instance(settings))
    assert f"ExecStart={environment.PYTHON} -m paas" in text
    assert f"PAAS_SETTINGS={settings.state_dir}/paas.toml" in text
    assert "KillMode=process" in text
    assert "$" not in text


def respawned(settings: Settings, program: str) -> int:
    argv = (
        "/usr/bin/python3", "-I", str(background.RESPAWNER), str(settings.run_dir / "respawn.pid"),
        str(settings.state_dir / "paasd.log"), "/usr/bin/python3", "-c", program,
    )  # fmt: skip
    subprocess.run(argv, check=True, timeout=60)
    return wait_for(lambda: background.respawner_pid(Instance(settings)))


def wait_for(answer, seconds: float = 60.0):  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := answer():
            return value
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_a_daemon_that_is_killed_comes_back(settings: Settings) -> None:
    lives = settings.run_dir / "lives"
    program = (
        "import os, time\n"
        f"print(os.getpid(), file=open({str(lives)!r}, 'a'), flush=True); time.sleep(60)\n"
    )
    respawner = respawned(settings, program)
    try:
        first = wait_for(lambda: lives.exists() and lives.read_text().split())
        os.kill(int(first[0]), signal.SIGKILL)
        assert (
            len(wait_for(lambda: len(lives.read_text().split()) > 1 and lives.read_text().split()))
            == 2
        )
    finally:
        background.end_process(respawner)
    assert not (settings.run_dir / "respawn.pid").exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in lives.read_text().split())


def test_stopping_the_respawner_lets_the_daemon_end_in_order(settings: Settings) -> None:
    mark = settings.run_dir / "ended"
    program = (
        "import signal, sys, time, pathlib\n"
        f"mark = {str(mark)!r}\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(mark).touch(), sys.exit()))\n"
        "pathlib.Path(mark + '.up').touch()\ntime.sleep(60)\n"
    )
    respawner = respawned(settings, program)
    wait_for(Path(f"{mark}.up").exists)
    background.end_process(respawner)
    assert mark.exists()


def test_a_respawner_that_is_ended_at_once_ends_what_it_has_just_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []
    spawn = os.posix_spawn

    def spawn_and_be_told(*words: object, **options: object) -> int:
        started.append(spawn(*words, **options))  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(os, "posix_spawn", spawn_and_be_told)
    before = signal.signal(signal.SIGTERM, respawn.end)
    try:
        with pytest.raises(respawn.Ended):
            respawn.run_once(["/bin/sleep", "60"])
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(ChildProcessError):
        os.waitpid(started[0], os.WNOHANG)


def test_a_stale_process_id_is_nobodys(settings: Settings) -> None:
    (settings.run_dir / "respawn.pid").write_text(f"{os.getpid()}\n")
    assert background.respawner_pid(Instance(settings)) is None


def test_the_fingerprint_follows_the_settings(settings: Settings) -> None:
    instance = Instance(settings)
    before = background.fingerprint(instance)
    instance.write_settings()
    assert background.fingerprint(instance) != before


# -- links, keys, leftovers ---------------------------------------------------------------


def test_names_that_are_taken_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "PLACE", tmp_path)
    (tmp_path / "dokku").write_text("the real one")
    assert links.make() == ([str(tmp_path / "paas")], [str(tmp_path / "dokku")])
    links.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["dokku"]


def test_a_user_without_a_key_gets_one_and_keeps_it(tmp_path: Path) -> None:
    user = keys.User("root", tmp_path)
    key, made = keys.ensure(user, Runner())
    assert made
    assert key == tmp_path / ".ssh" / "id_ed25519"
    assert key.stat().st_mode & 0o777 == 0o600
    assert keys.fingerprint(key.with_suffix(".pub"), Runner()).startswith("SHA256:")
    assert keys.ensure(user, Runner()) == (key, False)


@pytest.fixture
def sleeper(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A process that names the instance's run directory, as conmon and nginx do."""
    program = "import time; time.sleep(60)"
    with subprocess.Popen(["/usr/bin/python3", "-c", program, f"{settings.run_dir}/x"]) as process:
        yield process
        process.terminate()


@pytest.fixture
def bridge(settings: Settings) -> Iterator[str]:
    name = settings.bridge(3)
    subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def test_leftovers_are_found_by_name(
    settings: Settings, sleeper: subprocess.Popen[bytes], bridge: str
) -> None:
    found = leftovers.find(settings, Runner())
    assert [line for line in found if line.startswith(f"process {sleeper.pid}:")]
    assert len([line for line in found if line.startswith("process")]) == 1
    assert f"network link {bridge}" in found
    assert f"directory {settings.state_dir}" in found


def test_a_loop_device_that_is_let_go_of_meanwhile_is_nobodys(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "BLOCK_DEVICES", tmp_path)
    ours = tmp_path / "loop7" / "loop" / "backing_file"
    ours.parent.mkdir(parents=True)
    ours.write_text(f"{settings.state_dir}/disk\n")
    # listed, and not to be read
    (tmp_path / "loop8" / "loop" / "backing_file").mkdir(parents=True)
    assert list(leftovers.loops(settings)) == ["/dev/loop7"]


def test_a_clean_machine_has_no_leftovers(settings: Settings) -> None:
    absent = replace(settings, state_dir=settings.state_dir / "a", run_dir=settings.run_dir / "b")
    assert leftovers.find(absent, Runner()) == []


# -- the rest -----------------------------------------------------------------------------


def test_the_first_of_two_failures_reaches_the_caller() -> None:
    done: list[int] = []

    def failing() -> None:
        raise PaasError("it broke")

    with pytest.raises(PaasError, match="it broke"):
        together(failing, lambda: done.append(1))
    assert done == [1]


def test_a_child_is_followed_line_by_line_and_its_last_words_are_kept() -> None:
    said: list[str] = []
    with pytest.raises(PaasError, match="second"):
        follow(Runner(), ("/bin/sh", "-c", "echo first; echo second; exit 3"), said.append)
    assert said == ["first", "second"]


def test_one_errand_at_a_time() -> None:
    assert options.parse([]).errand is Errand.START
    assert options.parse(["--remove"]).errand is Errand.REMOVE
    with pytest.raises(SystemExit):
        options.parse(["--stop", "--remove"])


def test_somebody_who_is_not_root_is_told_before_anything_changes(tmp_path: Path) -> None:
    program = str(environment.CHECKOUT / "bin" / "quickstart")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", program],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode != 0
    assert b"sudo" in done.stderr or b"Permission denied" in done.stderr
