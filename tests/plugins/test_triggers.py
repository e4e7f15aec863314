"""Triggers: what plugins are told and asked, by executables of theirs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.model.app import App
from paas.model.occasion import AppDeleting, Deployed, DeployStarting, UrlsAsked, every
from paas.platform import Platform
from paas.plugins import triggers
from paas.plugins.environment import Call
from tests.commands.conftest import Admin
from tests.plugins.conftest import script

Install = Callable[..., str]


def kept(platform: Platform, plugin: str, file: str) -> str:
    """What a plugin wrote into a file of its own."""
    return (platform.plugins.places.data(plugin) / file).read_text()


def test_a_plugin_is_told_with_dokkus_arguments(root: Admin, platform: Platform, install: Install):
    install("told", post_create=script('echo "$@" >> $DOKKU_LIB_ROOT/seen'),
            post_domains_update=script('echo "$@" >> $DOKKU_LIB_ROOT/seen'),
            post_config_update=script('echo "$@" >> $DOKKU_LIB_ROOT/seen'))  # fmt: skip
    root.ok("apps:create", "blog")
    root.ok("domains:add", "blog", "a.example.com", "b.example.com")
    root.ok("config:set", "blog", "TOKEN=hidden-value", "MODE=x")
    root.ok("config:unset", "blog", "MODE")
    root.ok("config:set", "--global", "ZONE=here")
    assert kept(platform, "told", "seen").splitlines() == [
        "blog",
        "blog add a.example.com b.example.com",
        "blog set TOKEN MODE",
        "blog unset MODE",
        "--global set ZONE",
    ]


def test_a_failure_of_what_is_only_told_is_named_and_changes_nothing(
    root: Admin, install: Install, blog: App
):
    install("sad", post_domains_update=script("echo oh dear >&2; exit 3"))
    said = root("domains:add", "blog", "a.example.com")
    assert said.status == 0
    assert "oh dear" in said.err
    words = r"plugin sad: trigger post-domains-update failed with 3 after \d+\.\d s"
    assert re.search(words, said.err)
    assert "a.example.com" in root.ok("domains:report", "blog")


def test_a_plugin_that_is_asked_can_say_no(root: Admin, platform: Platform, install: Install,
                                           blog: App):  # fmt: skip
    install("guard", pre_delete=script("echo keep $1 >&2; exit 1"))
    said = root("apps:destroy", "blog", "--force")
    assert said.status == 1
    assert "keep blog" in said.err
    assert re.search(r"plugin guard: trigger pre-delete failed with 1 after \d+\.\d s", said.err)
    assert "plugin:disable guard" in said.err
    assert platform.store.apps.find("blog")
    root.ok("plugin:disable", "guard")
    root.ok("apps:destroy", "blog", "--force")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sleep 60", "did not end within 0.3 s"),
        ("sleep 60 & exec sleep 60", "did not end within 0.3 s"),
        ("exec yes", "wrote more than 1 MiB"),
        ("kill -SEGV $$", "was ended by SIGSEGV"),
    ],
)
def test_a_plugin_that_hangs_floods_or_crashes_is_ended_and_named(
    platform: Platform, install: Install, body: str, words: str
):
    limit = "0.3" if "sleep" in body else "20"
    install("bad", pre_deploy=script(body), **{
        "plugin.toml": f'[plugin]\ndescription = "bad"\nversion = "1"\n[paas]\ntimeout = {limit}\n'
    })  # fmt: skip
    with pytest.raises(PaasError, match=f"plugin bad: trigger pre-deploy {words}"):
        platform.plugins.allow(DeployStarting("blog", "v1"), "alice")
    assert own_processes(platform, "bad") == []


def own_processes(platform: Platform, name: str) -> list[str]:
    plugin = platform.store.plugins.find(name)
    uid = platform.plugins.places.uid(plugin)
    return [
        one.name for one in Path("/proc").iterdir() if one.name.isdigit() and alive_as(one, uid)
    ]


def alive_as(process: Path, uid: int) -> bool:
    try:
        return process.stat().st_uid == uid and "State:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


def test_what_a_trigger_leaves_behind_ends_with_it(
    root: Admin, platform: Platform, install: Install, blog: App
):
    install("daemon", post_stop=script("setsid sleep 300 >/dev/null 2>&1 & echo started"))
    assert "started" in root.ok("plugin:trigger", "post-stop", "blog")
    assert own_processes(platform, "daemon") == []


def test_a_plugin_runs_as_its_own_user_and_can_become_nobody_else(
    platform: Platform, root: Admin, install: Install
):
    install("who", post_stop=script("id -u; id -G; grep NoNewPrivs /proc/$$/status; pwd; ls -ld ."))
    out = root.ok("plugin:trigger", "post-stop").splitlines()
    uid = str(platform.plugins.places.uid(platform.store.plugins.find("who")))
    assert out[:2] == [uid, uid]
    assert out[2].split() == ["NoNewPrivs:", "1"]
    assert out[3] == str(platform.plugins.places.data("who"))
    assert out[4].startswith("drwx------")


def test_no_plugin_reads_or_changes_what_is_not_its_own(
    platform: Platform, root: Admin, install: Install
):
    platform.store.config.set(None, {"TOKEN": "hidden"})
    secret = platform.settings.state_dir / "paas.db"
    install("other", install=script("touch $DOKKU_LIB_ROOT/mine; chmod 600 $DOKKU_LIB_ROOT/mine"))
    mine = platform.plugins.places.data("other") / "mine"
    install("spy", post_stop=script(
        f"cat {secret} {mine}; echo x > {mine}; echo x > $PLUGIN_PATH/core/x; true"
    ))  # fmt: skip
    said = root("plugin:trigger", "post-stop")
    assert said.err.lower().count("permission denied") == 4
    assert said.out == ""


def test_nobodys_secrets_are_in_a_triggers_words(root: Admin, install: Install, blog: App):
    install("words", post_config_update=script("cat /proc/$$/cmdline; env"))
    assert "hidden-value" not in root.ok("config:set", "blog", "TOKEN=hidden-value")


def test_a_filter_takes_the_place_of_what_is_shown(platform: Platform, install: Install):
    install("addresses", app_urls=script("read one; echo https://internal.example/$1/ was $one"))
    shown = platform.plugins.answer(UrlsAsked("blog", "urls"), "http://blog", Call())
    assert shown.split() == ["https://internal.example/blog/", "was", "http://blog"]


def test_a_filter_that_fails_leaves_things_as_they_are(platform: Platform, install: Install):
    install("addresses", app_urls=script("echo nonsense; exit 1"))
    assert (
        platform.plugins.answer(UrlsAsked("blog", "urls"), "http://blog", Call()) == "http://blog"
    )


def test_plugins_choose_which_apps_somebody_sees(root: Admin, admin: Admin, install: Install):
    for name in ("blog", "shop"):
        root.ok("apps:create", name)
    install("teams", user_auth_app=script('[ "$2" = root ] && cat || echo shop'))
    assert admin("apps:list", "--format", "json").json() == ["shop"]
    assert root("apps:list", "--format", "json").json() == ["blog", "shop"]
    assert "blog" not in admin.ok("ps:report")


def test_a_filter_of_apps_that_fails_shows_none(root: Admin, admin: Admin, install: Install):
    root.ok("apps:create", "blog")
    install("teams", user_auth_app=script("exit 1"))
    said = admin.fails("apps:list")
    assert "plugin teams: trigger user-auth-app failed with 1" in said.err


def test_plugins_decide_who_calls_what(root: Admin, admin: Admin, install: Install, blog: App):
    install(
        "auth",
        user_auth=script('echo "$@" >> $HOME/asked; [ $2:$3 != alice:apps:lock ]'),
    )
    assert "trigger user-auth failed with 1" in admin.fails("apps:lock", "blog").err
    admin.ok("apps:report", "blog")
    root.ok("apps:lock", "blog")
    asked = kept(admin.platform, "auth", "asked").splitlines()
    assert asked == ["ssh alice apps:lock blog", "ssh alice apps:report blog",
                     "local root apps:lock blog"]  # fmt: skip


def test_root_gets_rid_of_a_plugin_that_says_no_to_everything(
    root: Admin, admin: Admin, install: Install
):
    install("wall", user_auth=script("exit 1"))
    admin.fails("apps:list")
    root.fails("apps:list")
    root.ok("plugin:disable", "wall")
    admin.ok("apps:list")


def test_plugins_are_called_in_the_order_of_their_names_and_hooks_first(
    platform: Platform, root: Admin, install: Install
):
    for name in ("beta", "alpha"):
        install(name, post_stop=script(f"echo {name}"))
    hook = platform.plugins.places.root / "hooks" / "post-stop"
    hook.write_text(script("echo hooks"))
    hook.chmod(0o755)
    assert root.ok("plugin:trigger", "post-stop").split() == ["hooks", "alpha", "beta"]


def test_an_executable_in_the_hooks_folder_counts_from_the_moment_it_can_be_run(
    platform: Platform, root: Admin
):
    hook = platform.plugins.places.root / "hooks" / "post-create"
    hook.write_text(script('echo "$1" >> $HOME/made'))
    root.ok("apps:create", "one")
    hook.chmod(0o755)
    root.ok("apps:create", "two")
    hook.unlink()
    root.ok("apps:create", "three")
    assert kept(platform, "hooks", "made") == "two\n"


def test_nothing_is_started_where_nobody_listens(
    platform: Platform, root: Admin, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(platform.runner, "spawn", None)
    platform.plugins.allow(DeployStarting("blog", "v1"), "alice")
    platform.plugins.happened(Deployed("blog", "5000", "10.0.0.2", "v1"), "alice")
    assert not platform.plugins.heard(Deployed)
    assert not platform.store.events.list()


def test_every_call_is_an_event_with_the_plugin_as_its_actor(
    platform: Platform, root: Admin, install: Install, blog: App
):
    install("told", pre_delete=script("exit 4"))
    with pytest.raises(PaasError):
        platform.plugins.allow(AppDeleting("blog", "latest"), "alice")
    last = platform.store.events.list()[-1]
    assert (last.actor, last.app, last.action, last.result) == (
        "plugin:told", "blog", "trigger", "failed",
    )  # fmt: skip
    assert re.fullmatch(r"pre-delete failed with 4 after \d+\.\d s", last.detail)


def test_a_plugin_hears_nothing_of_what_it_did_itself(platform: Platform, install: Install):
    install("echo", post_stop=script("touch $HOME/heard"))
    from paas.model.occasion import AppStopped

    platform.plugins.happened(AppStopped("blog"), "plugin:echo")
    assert not (platform.plugins.places.data("echo") / "heard").exists()


def test_every_trigger_has_one_meaning():
    called = triggers.called()
    assert len(called) == len({name for kind in every() for name in names(kind)})
    assert not [name for name in called if triggers.never(name)]
    assert not called.keys() & triggers.SETUP.keys()
    assert triggers.never("docker-args-deploy") == triggers.OPTIONS
    assert triggers.never("made-up") == ""


def names(kind: type) -> list[str]:
    return [name for name, found in triggers.called().items() if found is kind]
