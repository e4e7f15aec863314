import signal

import pytest

from tests.buildpacks.sandbox import send

LAUNCH = "/.paas/launch"


@pytest.fixture
def launched(sandbox):
    """Run a command in an app of some files and return the run."""

    def run(files, *words):
        built = sandbox.build({"Procfile": "web: x\n", **files})
        folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
        return sandbox.run([LAUNCH, *words], built.layers, **folders, environment={"PORT": "5000"})

    return run


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("echo $PORT", "5000\n"),
        ("echo 'two  words' \"$PORT\"", "two  words 5000\n"),
        ("A=1 B=2 printenv A", "1\n"),
        ("true && echo both", "both\n"),
        ("false || echo other; echo last", "other\nlast\n"),
        ("echo a | tr a b", "b\n"),
        ("cd / && pwd", "/\n"),
        ("pwd", "/app\n"),
        ("if true; then echo yes; fi", "yes\n"),
        ("exec echo once", "once\n"),
        ("echo $(echo inner)", "inner\n"),
        ("  echo spaces  ", "spaces\n"),
        ("echo *.txt", "one.txt two.txt\n"),
        ("./run.sh x", "ran x\n"),
    ],
)
def test_a_command_line_means_what_a_shell_makes_of_it(launched, command, output):
    files = {"one.txt": "", "two.txt": "", "run.sh": "#!/bin/sh\necho ran $1\n"}
    done = launched(files, command)
    assert (done.output, done.status) == (output, 0)


def test_a_programs_arguments_are_passed_as_they_are(launched):
    assert launched({}, "printf", "%s|", "a b", "$PORT", ";").output == "a b|$PORT|;|"


def test_the_exit_status_is_the_commands(launched):
    assert launched({}, "exit 3").status == 3
    assert launched({}, "no-such-program").status == 127


def test_profiles_are_sourced_in_order(launched):
    files = {
        ".profile.d/b.sh": 'export SAID="$SAID b"\n',
        ".profile.d/a.sh": "export SAID=a\n",
        ".profile.d/note.txt": "exit 9\n",
        ".profile": 'export SAID="$SAID own"\n',
    }
    assert launched(files, "echo $SAID").output == "a b own\n"


@pytest.mark.parametrize(
    "command", ["python3 wait.py", "true && python3 wait.py", "A=1 python3 wait.py"]
)
def test_a_signal_reaches_the_app_itself(sandbox, command):
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'told\\n'), sys.exit(5)))\n"
        "print('up', flush=True)\ntime.sleep(60)\n"
    )
    built = sandbox.build({"Procfile": "web: x\n", "wait.py": program})
    child = sandbox.start(
        [LAUNCH, command],
        built.layers,
        sandbox.fresh("upper"),
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
        result=sandbox.fresh("result"),
    )
    assert child.stdout.readline() == b"up\n"
    send(child, signal.SIGTERM)
    output, _ = child.communicate(timeout=60)
    assert (output, child.returncode) == (b"told\n", 5)


TIMER = """
import subprocess, time
best = 9
for _ in range(50):
    began = time.perf_counter()
    subprocess.run(["/.paas/launch", "true"])
    best = min(best, time.perf_counter() - began)
print(best * 1000)
"""


def test_a_launch_costs_a_few_milliseconds(launched):
    done = launched({"timer.py": TIMER}, "python3 timer.py")
    print(f"launch: {done.output.strip()} ms")
    assert float(done.output) < 50
