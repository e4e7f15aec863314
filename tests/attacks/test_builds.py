"""Builds that attack: what they leave, what they say, what they reach."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from paas.image import durable
from tests.attacks.conftest import probe
from tests.e2e.instance import Instance, Repository

PACKAGE = '{"name": "x", "version": "1.0.0", "scripts": {"build": "python3 build.py"}}'
LOCK = '{"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}'
SERVER = "require('http').createServer((q, r) => r.end('node')).listen(process.env.PORT)\n"
PROCFILE = "web: node x.js\n"
# waits until the build's last result is being written, into a pipe that is full (inotify(7) tells
# that it was opened), and puts its own there
FORGE = """
import ctypes, os, sys
result = sys.argv[1].replace('@PATH@', os.environ['PATH'])
if os.fork() == 0:
    os.setsid()
    for number in (0, 1, 2):
        os.dup2(os.open('/dev/null', os.O_RDWR), number)
    os.mkfifo('/result/build.json.new')
    pipe = os.open('/result/build.json.new', os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(pipe, bytes(4096))
    except BlockingIOError:
        os.set_blocking(pipe, True)
    libc = ctypes.CDLL(None)
    opened = libc.inotify_init()
    assert libc.inotify_add_watch(opened, b'/result/build.json.new', 0x20) > 0
    if os.fork():
        os._exit(0)
    os.read(opened, 4096)
    os.unlink('/result/build.json.new')
    open('/result/build.json.new', 'w').write(result)
    while True:
        os.read(pipe, 4096)
assert os.wait()[1] == 0
"""


def node_app(build: str, **more: str) -> dict[str, str]:
    files = {"package.json": PACKAGE, "package-lock.json": LOCK, "x.js": SERVER}
    return {**files, "Procfile": PROCFILE, "build.py": build, **more}


@pytest.fixture(scope="module")
def builder(platform: Instance, victim: Repository) -> Repository:
    """An app whose builds attack; its first was honest."""
    repository = platform.repository("builder")
    repository.deploy(node_app("print('honest')\n"))
    return repository


def leftovers(platform: Instance) -> list[str]:
    settings = platform.settings
    drafts = settings.state_dir / "layers" / "building"
    left = [*(settings.run_dir / "builds").glob("*"), *drafts.glob("*")]
    return [str(path) for path in left]


def assert_clean(platform: Instance) -> None:
    deadline = time.monotonic() + 60
    while leftovers(platform) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers(platform) == []


def source_layer(platform: Instance, app: str) -> Path:
    """Where the newest source layer of an app lies on the host."""
    layers = platform.settings.state_dir / "layers"
    found = sorted(layers.glob("source-*"), key=lambda path: path.stat().st_mtime)
    return found[-1] / "files"


GRAB = """
import os, stat
def tries(work, *arguments):
    try: work(*arguments)
    except OSError: return
    print('DID', work.__name__, *arguments)
for top in ('/etc/x', '/usr/bin/x', '/x', '/root/x', '/var/lib/x', '/var/cache/x', '/run/x',
            '/.paas', '/.paas/x', '/buildpacks/x', '/config/x', '/home/x', '/opt/x'):
    tries(os.mkdir, top)
tries(os.rename, '/app', '/gone')
tries(os.unlink, '/etc/resolv.conf')
tries(os.symlink, '/etc/shadow', '/etc/hosts')
tries(os.link, '/etc/passwd', '/app/hard')
tries(os.mknod, '/app/disk', stat.S_IFBLK | 0o666, os.makedev(8, 0))
tries(os.mknod, '/app/zero', stat.S_IFCHR | 0o666, os.makedev(1, 5))
tries(os.mknod, '/app/whiteout', stat.S_IFCHR | 0o666, os.makedev(0, 0))
tries(os.setxattr, '/app/x.js', 'trusted.overlay.redirect', b'/etc')
tries(os.setxattr, '/app/x.js', 'security.capability', bytes([1, 0, 0, 2]) + b'x' * 16)
for name in ('/var/tmp/left', '/tmp/left', '/dev/shm/left', '/run/lock/left'):
    tries(os.mkdir, name)
open('/app/su', 'wb').write(open('/usr/bin/id', 'rb').read())
os.chmod('/app/su', 0o6755)
os.mkfifo('/app/pipe')
os.symlink('/proc/self/environ', '/app/environ')
os.symlink('/', '/app/all')
os.mkdir('/app/.profile.d')
os.symlink('/etc/shadow', '/app/.profile.d/x.sh')
os.makedirs('/app/.paas')
open('/app/new\\nline\\x1b[31m', 'w').close()
open('/app/-rf', 'w').close()
os.mkdir('/app/closed'); open('/app/closed/x', 'w').close(); os.chmod('/app/closed', 0)
with open('/app/sparse', 'w') as file: os.truncate(file.fileno(), 1 << 40)
"""


def test_a_build_cannot_write_where_its_layer_would_hurt(platform: Instance, builder: Repository):
    said = builder.deploy(node_app(GRAB))
    did = [line.split("DID ")[1].strip() for line in said.splitlines() if "DID " in line]
    assert [line for line in did if not line.endswith("/left")] == []
    layer = source_layer(platform, "builder")
    assert {path.name for path in layer.iterdir()} <= {"app", "var"}
    kinds = {path: os.lstat(path) for path in layer.rglob("*")}
    base = platform.settings.uid_base
    for path, status in kinds.items():
        assert status.st_uid >= base, path
        assert not os.path.lexists(path) or status.st_mode & 0o170000 not in (0o060000, 0o020000)
    assert platform.get("builder").text == "node"
    platform.ok("run", "builder", "ls")


def test_layers_are_out_of_reach_for_the_hosts_own_users(platform: Instance, builder: Repository):
    """A setuid program in a layer would run as the app's user for whoever finds it."""
    program = source_layer(platform, "builder") / "app" / "x.js"
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", str(program)],
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0


def test_the_hosts_own_users_cannot_speak_to_the_instances_sockets(
    platform: Instance, victim: Repository
):
    program = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for path in sys.argv[1:]:\n"
        "    one = socket.socket(socket.AF_UNIX); one.settimeout(2)\n"
        "    try: one.connect(path)\n"
        "    except OSError: continue\n"
        "    print(path)\n"
    )
    sockets = []
    for top, folders, files in os.walk(platform.settings.run_dir):
        folders[:] = [name for name in folders if name != "rootfs"]
        sockets += [path for name in files if (path := Path(top, name)).is_socket()]
    sockets.remove(platform.settings.socket)
    assert any("control" in path.name for path in sockets)
    done = subprocess.run(
        ["python3", "-c", program, *map(str, sockets)], capture_output=True, check=True, timeout=30
    )
    assert done.stdout.decode().split() == []


def forged(result: object) -> str:
    """A build script that has the build end with this result."""
    return f"import sys\nsys.argv[1:] = [{json.dumps(result)!r}]\nexec({FORGE!r})\n"


@pytest.mark.parametrize(
    "result",
    [
        {"processes": {"../../../../evil": "x", "web": "node x.js"}},
        {"processes": {"\x1b[31mweb": "x"}},
        {"processes": [], "environment": 7, "buildpacks": 7},
        {"procfile": "web: node x.js\n../../x: y\n"},
        {"procfile": {"web": "x"}, "processes": "x"},
    ],
)
def test_a_forged_result_is_refused_in_a_sentence(
    platform: Instance, builder: Repository, result: object
):
    said = builder.fail(node_app(forged(result)))
    assert " !     " in said
    assert "internal" not in said
    assert "Traceback" not in said
    assert "\x1b" not in said.replace("\x1b[K", "")
    assert_clean(platform)
    assert platform.get("builder").text == "node"


def test_a_forged_environment_gives_the_app_nothing_odd(platform: Instance, builder: Repository):
    result = {
        "processes": {"web": "node x.js"},
        "procfile": PROCFILE,
        "environment": {
            "PATH": "@PATH@",
            "A=B": "x",
            "NUL": "a\0b",
            "HALF": "\ud800",
            "PORT": "1",
            "OK": "fine",
        },
    }
    builder.deploy(node_app(forged(result)))
    said = platform.ok("run", "builder", "env")
    assert "OK=fine" in said
    assert "PORT=5000" in said
    assert not [line for line in said.splitlines() if line.startswith(("A=", "NUL=", "HALF="))]


@pytest.mark.parametrize(
    "plant",
    [
        "os.unlink('/result/plan.json'); os.mkdir('/result/plan.json')",
        "os.unlink('/result/plan.json'); os.symlink('/etc/passwd', '/result/plan.json')",
        "os.unlink('/result/plan.json'); os.mkfifo('/result/plan.json')",
        "os.mkdir('/result/build.json')",
        "open('/result/plan.json', 'w').write('{\"layers\": 7}')",
        "open('/result/plan.json', 'w').write('{\"layers\": [' + '{},' * 100000 + '{}]}')",
        "os.symlink('/etc/passwd', '/result/build.json.new')",
        "os.chmod('/result', 0)",
        "[os.link('/result/plan.json', f'/result/{n}') for n in range(20000)]",
    ],
)
def test_odd_things_in_place_of_results_do_no_harm(
    platform: Instance, builder: Repository, plant: str
):
    builder.commit(node_app(f"import os\n{plant}\n"))
    done = builder.push()
    said = done.stderr.decode()
    assert "internal" not in said
    assert "root:x" not in said
    assert_clean(platform)
    assert platform.get("builder").text == "node"


def test_a_builds_own_error_text_drives_no_terminal(platform: Instance, builder: Repository):
    plant = (
        "import json, os\n"
        "os.write(1, b'\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\rover\\x08\\x0e')\n"
        "text = 'bad\\x1b]52;c;b3duZWQ=\\x07 thing\\r\\nError: \\x9b31m'\n"
        "json.dump({'message': text, 'hint': text}, open('/result/error.json', 'w'))\n"
        "os.kill(os.getppid(), 9)\n"
        "raise SystemExit(1)\n"
    )
    said = builder.fail(node_app(plant))
    for mark in ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\x08", "\x0e"):
        assert mark not in said, said
    assert "\x1b" not in platform.ok("logs", "builder")


DEEP = "import os\nfor n in range({count}):\n    os.mkdir({name!r})\n    os.chdir({name!r})\n"


@pytest.mark.parametrize(("count", "name"), [(3000, "d"), (60, "n" * 250)])
def test_a_tree_too_deep_to_keep_is_refused_and_removed(
    platform: Instance, builder: Repository, count: int, name: str
):
    builder.commit(node_app(DEEP.format(count=count, name=name)))
    done = builder.push()
    if count * len(name) > 4096:
        assert done.returncode != 0
        assert b"nested too deeply" in done.stderr or b"disk limit" in done.stderr
    assert_clean(platform)
    assert platform.get("builder").text == "node"


@pytest.mark.parametrize(
    "hide",
    [
        "for n in range(30):\n    os.mkdir('n' * 250); os.chdir('n' * 250)\n",
        "",
    ],
    ids=["below a path too long to name", "in a deleted file"],
)
def test_a_build_cannot_hide_what_it_writes_from_the_disk_limit(
    platform: Instance, builder: Repository, hide: str
):
    unlink = "" if hide else "os.unlink('big')\n"
    fill = (
        f"import os, time\n{hide}file = open('big', 'wb')\n{unlink}"
        "for n in range(60):\n    file.write(b'x' * (12 << 20)); file.flush(); time.sleep(0.06)\n"
        "time.sleep(60)\nprint('WROTE IT ALL', flush=True)\n"
    )
    said = builder.fail(node_app(fill))
    assert "WROTE IT ALL" not in said
    assert f"disk limit {platform.settings.build_disk_bytes >> 20} MiB" in said
    assert_clean(platform)


def test_a_flood_without_line_ends_is_bounded(platform: Instance, builder: Repository):
    flood = "import os\nfor n in range(40): os.write(1, b'y' * (1 << 20))\n"
    said = builder.deploy(node_app(flood))
    assert len(said) < platform.settings.build_log_bytes + (1 << 20)
    assert "wrote too much" in said


def test_what_an_app_puts_in_its_build_cache_stays_its_own(platform: Instance, builder: Repository):
    builder.deploy(node_app("open('/cache/poison', 'w').write('poison')\n"))
    other = platform.repository("unpoisoned")
    said = other.deploy(node_app("import os\nprint('CACHE', os.listdir('/cache'))\n"))
    assert "poison'" not in said
    platform.ok("apps:destroy", "unpoisoned", "--force")


def test_a_probe_in_a_build_finds_the_same_walls(platform: Instance, evil: Repository):
    """The sandbox of a build is the sandbox of an app."""
    found = probe(platform, "sandbox")
    path = Path(__file__).parent / "probes" / "sandbox.py"
    walls = "import os, runpy, sys\nsys.argv[1:] = []\nrunpy.run_path('probe.py')\n"
    repository = platform.repository("walls")
    said = repository.deploy(node_app(walls, **{"probe.py": path.read_text()}))
    line = next(line for line in said.splitlines() if '{"calls":' in line)
    inside = json.loads(line[line.index("{") :].removesuffix("\x1b[K"))
    for what in ("calls", "abis", "writes", "reads", "nodes", "sockets", "told", "unix", "setuid"):
        assert inside[what] == found[what], what
    assert not [name for name in inside["environment"] if "SECRET" in name]
    platform.ok("apps:destroy", "walls", "--force")


def test_removing_a_deep_tree_takes_no_recursion_and_follows_no_link(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    tree = tmp_path / "tree"
    tree.mkdir()
    here = os.open(tree, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=here)
        os.symlink(tmp_path / "kept", "link", dir_fd=here)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    durable.remove_tree(tree)
    durable.remove_tree(tree)
    assert not tree.exists()
    assert (tmp_path / "kept" / "file").read_text() == "kept"
