"""Commands that plugins bring, dokku's way and with words of their own in plugin.toml."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paas.commands.occasions import AFTER, BEFORE
from paas.commands.registry import registry
from paas.commands.table import dispatch
from paas.console import Console
from paas.doors.dispatch import Sessions
from paas.doors.local import LocalDoor
from paas.model.app import App
from paas.model.caller import Caller, Role
from paas.platform import Platform
from tests.commands.conftest import NOBODY, Admin
from tests.plugins.conftest import FREEZE, TOML, script

Install = Callable[..., str]

HELLO = r"""#!/usr/bin/env bash
set -eo pipefail; [[ $DOKKU_TRACE ]] && set -x
source "$PLUGIN_CORE_AVAILABLE_PATH/common/functions"
source "$PLUGIN_CORE_AVAILABLE_PATH/config/functions"
cmd-hello() {
  declare desc="says hello to an app"
  local cmd="hello"
  local argv=("$@")
  [[ ${argv[0]} == "$cmd" ]] && shift 1
  [[ ! -z $DOKKU_APP_NAME ]] && set -- $DOKKU_APP_NAME $@
  set -- $cmd $@
  [[ -z $2 ]] && dokku_log_fail "Please specify an app to run the command on"
  verify_app_name "$2"
  eval "$(config_export app "$2")"
  dokku_log_info1_quiet "Greeting"
  echo "Hello $2, $GREETING"
}
cmd-hello "$@"
"""
COMMANDS = """#!/usr/bin/env bash
case "$1" in
  help | hello:help)
    cat <<TEXT
    hello <app>, Says "Hello <app>"
    hello:world, Says "Hello world"
    hello:count [<file>], Counts what it is given
TEXT
    ;;
  hello:world) echo "Hello world" ;;
  hello:count) wc -c ;;
  hello:quietly) echo "$2" ;;
  *) exit $DOKKU_NOT_IMPLEMENTED_EXIT ;;
esac
"""


@pytest.fixture
def door(platform: Platform) -> Iterator[None]:
    """The local door, by which plugins call back."""

    def serve(caller: Caller, argv: object, console: Console) -> int:
        return dispatch(platform, caller, list(argv), console)  # type: ignore[call-overload]

    platform.settings.run_dir.chmod(0o711)
    door = LocalDoor(platform.settings, serve, Sessions(), platform.plugins.caller)
    door.open()
    yield
    door.close()


@pytest.fixture
def hello(install: Install, door: None) -> None:
    install("hello", commands=COMMANDS, **{"subcommands/default": HELLO})


def test_a_plugin_of_dokkus_runs_as_it_is(hello: None, admin: Admin, blog: App):
    admin.ok("config:set", "blog", "GREETING=how are you")
    assert admin.ok("hello", "blog") == "-----> Greeting\nHello blog, how are you\n"
    assert admin.ok("--quiet", "--app", "blog", "hello") == "Hello blog, how are you\n"
    assert admin.ok("hello:world") == "Hello world\n"
    assert admin.ok("hello:count", stdin=b"12345").strip() == "5"
    said = admin.fails("hello", "nobody")
    assert (said.status, "App nobody does not exist" in said.err) == (20, True)
    assert "Please specify an app" in admin.fails("hello").err


def test_its_commands_are_in_the_one_table(hello: None, admin: Admin):
    assert "hello <app>" in admin.ok("help", "--all")
    assert "hello  " in admin.ok("help")
    assert "hello:world  " in admin.ok("hello:help")
    assert admin.ok("hello:world", "--help").startswith("Usage: paas hello:world\n\n  Says")
    assert admin.ok("help", "hello:count").startswith("Usage: paas hello:count [<file>]")
    assert "did you mean hello:world" in admin.fails("hello:wordl").err
    admin.ok("plugin:disable", "hello")
    assert "is not a paas command" in admin.fails("hello:world").err
    assert "hello" not in admin.ok("help", "--all")


def test_its_commands_get_what_nobody_was_told_of(hello: None, admin: Admin, platform: Platform):
    assert admin.ok("hello:quietly", "sh") == "sh\n"
    newest = platform.store.events.newest()
    assert "`hello:loudly` is not a paas command" in admin.fails("hello:loudly").err
    assert platform.store.events.list(after=newest) == []
    assert admin.fails("hello:quietly", caller=NOBODY).status == 77
    admin.ok("plugin:disable", "hello")
    assert "is not a paas command" in admin.fails("hello:quietly").err


def test_a_command_needs_an_administrator_unless_the_plugin_says_otherwise(
    install: Install, admin: Admin
):
    toml = TOML + '[paas.commands."lax:show"]\npermission = "read"\nhelp = "Shows."\n'
    reader = Caller("plugin:other", "plugin", frozenset({Role.PLUGIN}), may=("read",))
    install("lax", **{"plugin.toml": toml, "subcommands/show": script("echo shown"),
                      "subcommands/change": script("echo changed")})  # fmt: skip
    assert admin("lax:show", caller=reader).out == "shown\n"
    assert admin.fails("lax:show", caller=NOBODY).status == 77
    assert admin.fails("lax:change", caller=reader).status == 77
    admin.ok("lax:change")
    details = [one.detail for one in admin.platform.store.events.list()]
    assert "lax:change of plugin lax" in details
    assert "lax:show of plugin lax" not in details


def test_a_command_exits_as_its_program_does_and_gets_the_words_as_they_are(
    install: Install, admin: Admin
):
    install("words", **{"subcommands/go": script('shift; printf "%s|" "$@"; exit 7')})
    said = admin("words:go", "--force", "-x", "a b", "", "--", "é")
    assert (said.status, said.out) == (7, "--force|-x|a b||--|é|")


def test_a_plugin_never_takes_the_place_of_a_command_of_ours(
    root: Admin, install: Install, blog: App
):
    toml = TOML + '[paas.commands."apps:list"]\nhelp = "mine"\npermission = "public"\n'
    install("apps2", **{"plugin.toml": toml, "commands": script("echo stolen")})
    assert root.ok("--quiet", "apps:list") == "blog\n"


def test_a_plugin_may_what_its_plugin_toml_asks_and_never_the_instance(
    install: Install, door: None, admin: Admin, blog: App
):
    bodies = {
        "subcommands/set": script("dokku config:set --no-restart blog A=1"),
        "subcommands/key": script("paas ssh-keys:list"),
        "subcommands/more": script("paas plugin:trigger post-stop"),
    }
    install("full", **bodies)
    install("modest", **bodies, **{"plugin.toml": TOML + '[paas]\nmay = ["read"]\n'})
    admin.ok("full:set")
    assert admin.platform.store.events.list()[-2].actor == "plugin:full"
    for command in ("modest:set", "full:key", "full:more"):
        said = admin.fails(command)
        assert said.status == 77, said
        assert "plugin:" in said.err


def test_a_disabled_plugins_user_is_a_stranger_again(
    install: Install, door: None, admin: Admin, root: Admin
):
    install("one", **{"subcommands/go": script("sleep 0.2; paas apps:list")})
    admin.ok("one:go")
    uid = admin.platform.plugins.places.uid(admin.platform.store.plugins.find("one"))
    admin.ok("plugin:disable", "one")
    assert admin.platform.plugins.caller(uid) is None


def test_properties_are_kept_as_dokkus_functions_keep_them(install: Install, admin: Admin):
    body = """source "$PLUGIN_CORE_AVAILABLE_PATH/common/property-functions"
fn-plugin-property-write props blog color blue
fn-plugin-property-get props blog color red; echo
fn-plugin-property-delete props blog color
fn-plugin-property-get props blog color red; echo
fn-plugin-property-write props ../x color blue && echo written"""
    install("props", **{"subcommands/go": f"#!/usr/bin/env bash\n{body}\n"})
    said = admin("props:go")
    assert said.out == "blue\nred\n"
    assert "../x is no name of a property" in said.err


def test_every_command_that_plugins_hear_of_exists():
    assert (BEFORE.keys() | AFTER.keys()) - registry.keys() <= {"report"}


# -- the example of the documentation ------------------------------------------------------------


def test_the_example_refuses_deploys_while_they_are_frozen(
    root: Admin, admin: Admin, platform: Platform, blog: App
):
    from paas.errors import PaasError
    from paas.model.occasion import CommitReceived, Deployed, DeployStarting

    root.ok("plugin:install", str(FREEZE))
    assert admin.ok("freeze") == "-----> Deploys are taken\n"
    assert "Please say why" in admin.fails("freeze:on").err
    admin.ok("freeze:on", "we are on holiday")
    assert "refused: we are on holiday (alice)" in admin.ok("freeze")
    for asked in (DeployStarting("blog", "v1"), CommitReceived("blog", "c" * 40)):
        with pytest.raises(
            PaasError, match=f"plugin freeze: trigger {asked.trigger} failed with 1"
        ):
            platform.plugins.allow(asked, "bob")
    admin.ok("freeze:off")
    platform.plugins.allow(DeployStarting("blog", "v1"), "bob")
    platform.plugins.happened(Deployed("blog", "5000", "10.0.0.2", "v1"), "bob")
    assert "blog v1" in admin.ok("freeze")
    assert admin.fails("freeze:on", "x", caller=NOBODY).status == 77


def test_the_example_is_told_of_in_the_documentation():
    page = (Path(FREEZE).parents[1] / "plugins.md").read_text()
    for name in ("freeze:on", "pre-deploy", "receive-app", "plugin.toml"):
        assert name in page
