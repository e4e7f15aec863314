"""resource, buildpacks, git and checks: settings of an app that the next start or push takes."""

import pytest

from paas.deploy import environment
from paas.model.app import App
from tests.commands.conftest import Admin


def test_limits_are_set_shown_and_cleared(admin: Admin, deployed: App):
    said = admin.ok("resource:limit", "--memory", "64m", "--cpu", "0.5", "blog")
    assert "Setting resource limits for blog" in said
    assert "memory: 64m" in said
    admin.ok("resource:limit", "blog", "--pids", "40", "--process-type", "worker")
    assert "       memory: 64m\n" in admin.ok("resource:limit", "blog")
    report = admin("resource:report", "blog", "--format", "json").json()
    assert report["_default_.limit.memory"] == "64m"
    assert report["worker.limit.pids"] == "40"
    assert report["worker.computed"] == "memory 64 MiB, cpu 0.5, pids 40, disk 1 GiB"
    admin.ok("resource:limit-clear", "blog", "--process-type", "worker")
    assert admin.ok("resource:report", "blog", "--resource-worker.limit.pids") == "\n"
    admin.ok("resource:clear", "blog")
    assert "memory 512 MiB" in admin.ok("resource:report", "blog")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--memory", "lots"),
        ("--memory", "1"),
        ("--cpu", "many"),
        ("--pids", "0"),
        ("--network-egress", "fast"),
        ("--disk-write", "-1"),
        ("--process-type", "Web"),
    ],
)
def test_a_limit_without_sense_changes_nothing(admin: Admin, blog: App, flag: str, value: str):
    assert admin.fails("resource:limit", "blog", "--disk-read", "1m", flag, value).status == 2
    assert admin.platform.store.limits.all(blog) == {}


def test_a_limit_we_do_not_have_is_refused(admin: Admin, blog: App):
    assert "No such option" in admin.fails("resource:limit", "blog", "--colour", "1g").err
    assert "no devices" in admin.fails("resource:limit", "blog", "--nvidia-gpu", "1").err
    assert admin.fails("resource:limit", "blog", "--memory", "").status == 2


def test_a_bandwidth_may_be_said_for_both_ways_at_once(admin: Admin, blog: App):
    admin.ok("resource:limit", "blog", "--network", "10m", "--network-egress", "5m")
    found = environment.limits(admin.platform, blog, "web")
    assert (found.network_ingress_bps, found.network_egress_bps) == (10 << 20, 5 << 20)


def test_what_is_reserved_is_kept_beside_the_limits(admin: Admin, deployed: App):
    admin.ok("resource:limit", "blog", "--memory", "256m", "--memory-swap", "300m")
    said = admin.ok("resource:reserve", "--memory", "64m", "--process-type", "web", "blog")
    assert "=====> Setting resource reservation for blog (web)" in said
    admin.ok("resource:reserve", "blog", "--cpu", "4")
    found = environment.limits(admin.platform, deployed, "web")
    assert (found.memory_reserved_bytes, found.memory_swap_bytes) == (64 << 20, 300 << 20)
    assert (found.cpus, found.cpu_shares) == (None, 4096)
    assert "       memory: 64m\n" in admin.ok("resource:reserve", "blog", "--process-type", "web")
    report = admin("resource:report", "blog", "--format", "json").json()
    assert report["web.reserve.memory"] == "64m"
    assert report["_default_.reserve.cpu"] == "4"
    assert "memory reserved 64 MiB" in report["web.computed"]
    admin.ok("resource:reserve-clear", "blog")
    after = environment.limits(admin.platform, deployed, "web")
    assert (after.cpu_shares, after.memory_reserved_bytes) == (1024, 64 << 20)
    assert after.memory_bytes == 256 << 20
    assert admin.fails("resource:reserve", "blog", "--memory", "x").status == 2


def test_nobody_reserves_more_than_it_may_have(admin: Admin, blog: App):
    admin.ok("resource:limit", "blog", "--memory", "64m")
    admin.ok("resource:reserve", "blog", "--memory", "1g")
    assert environment.limits(admin.platform, blog, "web").memory_reserved_bytes == 64 << 20


def test_the_deploy_branch_of_an_app_covers_the_instances(admin: Admin, blog: App):
    admin.ok("git:set", "--global", "deploy-branch", "trunk")
    assert admin.ok("git:report", "blog", "--git-computed-deploy-branch") == "trunk\n"
    admin.ok("git:set", "blog", "deploy-branch", "feature/x")
    report = admin("git:report", "blog", "--format", "json").json()
    assert (report["deploy-branch"], report["git-global-deploy-branch"]) == ("feature/x", "trunk")
    admin.ok("git:set", "blog", "deploy-branch")
    assert admin.ok("git:report", "blog", "--git-deploy-branch") == "\n"
    assert admin.ok("git:report", "--global", "--global-deploy-branch") == "trunk\n"


def test_a_variable_for_the_commit_that_is_none_is_reported_so(admin: Admin, blog: App):
    key = "--git-computed-rev-env-var"
    assert admin.ok("git:report", "blog", key) == "GIT_REV\n"
    assert "Unsetting rev-env-var of blog" in admin.ok("git:set", "blog", "rev-env-var")
    assert admin.ok("git:report", "blog", key) == "\n"
    admin.ok("git:set", "blog", "rev-env-var", "MY_REV")
    admin.ok("git:set", "--global", "rev-env-var")
    assert admin.ok("git:report", "blog", key) == "MY_REV\n"
    for shown in (key, "--git-global-rev-env-var"):
        assert admin.ok("git:report", "--global", shown) == "\n"


@pytest.mark.parametrize("branch", ["a b", "..", "a..b", "-x", "a~1", "a:b", "x.lock", "a\nb"])
def test_what_is_no_branch_is_refused(admin: Admin, blog: App, branch: str):
    admin.fails("git:set", "blog", "deploy-branch", "--", branch)
    assert admin.platform.store.properties.all(blog, "git") == {}


def test_a_value_may_begin_with_a_dash(admin: Admin, blog: App):
    admin.ok("ps:set", "blog", "dockerfile-start-cmd", "--harmony server.js")
    assert admin.ok("ps:report", "blog", "--ps-dockerfile-start-cmd") == "--harmony server.js\n"
    admin.ok("--quiet", "ps:set", "blog", "start-cmd", "-v", "--force")
    assert admin.ok("ps:report", "blog", "--ps-start-cmd") == "-v\n"
    assert "'-3' is not a number" in admin.fails("ps:set", "blog", "pause-seconds", "-3").err
    assert "no property '--nope'" in admin.fails("ps:set", "blog", "--nope", "1").err
    assert admin.ok("ps:set", "blog", "start-cmd", "--help").startswith("Usage: ")


def test_a_property_that_does_not_exist_is_refused_with_those_that_do(admin: Admin, blog: App):
    assert "known: deploy-branch" in admin.fails("git:set", "blog", "keep-git", "true").err


def test_checks_are_set_and_reported_over_the_defaults(admin: Admin, blog: App):
    admin.ok("checks:set", "blog", "path", "/health?deep=1")
    admin.ok("checks:set", "blog", "timeout", "30")
    report = admin("checks:report", "blog", "--format", "json").json()
    assert report["computed-path"] == "/health?deep=1"
    assert (report["timeout"], report["computed-timeout"]) == ("30", "30")
    assert (report["attempts"], report["computed-attempts"]) == ("", "3")
    admin.ok("checks:set", "blog", "path")
    assert admin.ok("checks:report", "blog", "--checks-path") == "\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("path", "health"),
        ("path", "/a b"),
        ("path", "/a\r\nHost: evil"),
        ("timeout", "0"),
        ("timeout", "1.5"),
        ("attempts", "many"),
        ("wait", "-1"),
        ("wait", "99999"),
        ("colour", "red"),
    ],
)
def test_a_check_without_sense_is_refused(admin: Admin, blog: App, key: str, value: str):
    admin.fails("checks:set", "blog", key, "--", value)
    assert admin.platform.store.properties.all(blog, "checks") == {}


def test_what_is_checked_is_of_apps_only_and_patience_of_the_instance_too(admin: Admin, blog: App):
    assert "property of apps" in admin.fails("checks:set", "--global", "path", "/up").err
    admin.ok("checks:set", "--global", "timeout", "9")
    assert admin.ok("checks:report", "blog", "--checks-computed-timeout") == "9\n"
