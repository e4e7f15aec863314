"""Debian packages as layers: planned by the stack's apt, installed by its dpkg."""

import json

import pytest

from tests.buildpacks.sandbox import LIFECYCLE

PLAN = """
import json, sys
sys.path.insert(0, "/buildpacks")
from lifecycle import debian
from lifecycle.say import Failure
try:
    print(json.dumps(debian.layer(json.loads(sys.argv[1]), build_only=sys.argv[2] == "build")))
except Failure as failure:
    print(json.dumps({"message": failure.message, "hint": failure.hint}))
"""


def planned(sandbox, *names, variant="run"):
    """The layer's plan, or the Failure."""
    done = sandbox.run(
        ["/usr/bin/python3", "-c", PLAN, json.dumps(names), variant],
        [],
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
    )
    assert done.status == 0, (done.output, done.results)
    return json.loads(done.output.splitlines()[-1])


def installed(sandbox, plan):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    done = sandbox.layer("", plan, [], b"\0" * 1024, **folders)
    assert done.status == 0, (done.output, done.results)
    return done


def inside(sandbox, layers, command):
    """What a shell command prints over these layers in what apps run in."""
    child = sandbox.start(
        ["/bin/bash", "-c", command],
        layers,
        sandbox.fresh("upper"),
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
        result=sandbox.fresh("result"),
        stack=sandbox.stack[-1:],
    )
    output, _ = child.communicate()
    return output.decode()


def test_packages_are_looked_up_without_an_app_as_a_pack_asks_for_them(sandbox):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}

    def looked_up(*names):
        wanted = json.dumps({"names": names, "repositories": []})
        done = sandbox.run([*LIFECYCLE, "packages", "--wanted", wanted], [], **folders)
        return done.results.get("plan", done.results)

    assert looked_up("figlet") == {"layers": planned(sandbox, "figlet")}
    assert looked_up("libc6") == {"layers": []}
    message = looked_up("no-such-package-at-all")["error"]["message"]
    assert message == "Debian has no package named no-such-package-at-all"


def test_what_is_missing_from_the_stack_is_planned_to_the_file_and_the_hash(sandbox):
    (plan,) = planned(sandbox, "imagemagick-7.q16", "curl")
    assert (plan["system"], plan["shared"], plan["build_only"]) == ("run", True, False)
    names = [line.split()[0].rpartition("/")[2].split("_")[0] for line in plan["packages"]]
    assert "imagemagick-7.q16" in names
    assert "libmagickcore-7.q16-10" in names
    assert not {"curl", "libc6", "libjpeg62-turbo"} & set(names)
    assert all(len(line.split()[1]) == 64 for line in plan["packages"])


def test_what_builds_have_and_apps_have_not_is_planned_for_apps_alone(sandbox):
    assert planned(sandbox, "libxml2", "curl") == []
    assert planned(sandbox, "gcc", "libpq-dev", variant="build") == []
    (plan,) = planned(sandbox, "libpq-dev")
    assert any("/libpq-dev_" in line for line in plan["packages"])


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (["imagemagik"], "Debian has no package named imagemagik", "did you mean imagemagick"),
        (
            ["java-runtime"],
            "Debian has several packages in place of java-runtime",
            "name one: default-jre",
        ),
        (["--purge"], "'--purge' is not the name of a Debian package", "correct it"),
        (["curl; id"], "'curl; id' is not the name of a Debian package", "correct it"),
        (["curl=0.1"], "these Debian packages cannot be installed together: ", "leave out"),
        (
            ["libcurl4-gnutls-dev", "libcurl4-openssl-dev"],
            "these Debian packages cannot be installed together: ",
            "leave out",
        ),
    ],
)
def test_what_cannot_be_installed_is_explained(sandbox, names, message, hint):
    failure = planned(sandbox, *names)
    assert failure["message"].startswith(message)
    assert failure["hint"].startswith(hint)


def test_packages_are_set_up_as_debian_does_and_nothing_else_is_left(sandbox):
    (plan,) = planned(sandbox, "libblas3", "redis-server", "libcap2-bin")
    made = installed(sandbox, plan)
    assert "Debian packages)" in made.output
    assert " !  " not in made.output
    says = inside(sandbox, [made.upper], "redis-server --version; dpkg -s redis-server; whoami")
    assert "Redis server v=" in says
    assert "Status: install ok installed" in says
    # what libblas3's set-up script does: the name by which programs find it
    link = "/etc/alternatives/libblas.so.3-x86_64-linux-gnu"
    assert inside(sandbox, [made.upper], f"readlink -f {link}").startswith("/usr/lib/")
    assert (made.upper / "var/lib/dpkg/status.d/redis-server_amd64").is_file()
    for folder in ("var/log", "var/cache/apt", "var/cache/paas-packages", "usr/share/man"):
        assert not (made.upper / folder).exists() or not list((made.upper / folder).iterdir())
    for path in made.upper.rglob("*"):
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (0, 0) or path.is_mount(), path


def test_a_file_that_is_not_what_was_planned_is_refused(sandbox):
    (plan,) = planned(sandbox, "redis-tools")
    uri, _ = plan["packages"][-1].split()
    plan["packages"][-1] = f"{uri} {'0' * 64}"
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    done = sandbox.layer("", plan, [], b"\0" * 1024, **folders)
    assert done.status == 1
    assert done.results["error"]["message"].startswith("Debian's packages could not be fetched: ")
    assert "Hash Sum mismatch" in done.results["error"]["message"]


def test_what_a_layer_resolved_stays_resolved_while_the_layer_is_there(sandbox):
    (plan,) = planned(sandbox, "redis-tools")
    code = f"""
import json, sys
sys.path.insert(0, "/buildpacks")
from lifecycle import debian
debian.known = [{{"pack": "python"}}, {plan!r}]
print(debian.layer(["redis-tools"]) == [{plan!r}], len(debian.layer(["redis-tools", "jq"])))
"""
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    said = sandbox.run(["/usr/bin/python3", "-c", code], [], **folders).output
    assert said.splitlines()[-1] == "True 1"
    assert said.count("Looking up") == 1
