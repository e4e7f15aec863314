"""Docker's options: those that are known, and what to do instead of the others."""

import pytest

from paas.errors import PaasError, UsageError
from paas.model.docker_options import of_build, parse


@pytest.mark.parametrize(
    "words",
    [
        ["--build-arg NODE_ENV=production"],
        ["--build-arg", "NODE_ENV=production"],
        ["--build-arg=NODE_ENV=production"],
        ['--build-arg "NODE_ENV=production"'],
    ],
)
def test_an_option_is_kept_the_same_however_it_was_written(words: list[str]):
    assert parse("build", words) == ["--build-arg NODE_ENV=production"]


def test_values_with_spaces_keep_them():
    (kept,) = parse("build", ["--build-arg", "GREETING=hello world; rm -rf /"])
    assert of_build([kept], {}).arguments == {"GREETING": "hello world; rm -rf /"}


def test_several_options_in_one_go():
    kept = parse("build", ["--no-cache --target final", "--label", "a=b c", "--pull"])
    found = of_build(kept, {})
    assert (found.no_cache, found.pull, found.target, found.labels) == (
        True,
        True,
        "final",
        {"a": "b c"},
    )


def test_an_argument_without_a_value_takes_the_apps_variable():
    kept = parse("build", ["--build-arg TOKEN", "--build-arg MISSING"])
    assert of_build(kept, {"TOKEN": "secret"}).arguments == {"TOKEN": "secret"}


@pytest.mark.parametrize(
    ("phase", "words", "hint"),
    [
        ("build", ["-v /a:/b"], "builds have no volumes"),
        ("build", ["--mount type=cache,target=/x"], "builds have no volumes"),
        ("deploy", ["--volumes-from x"], "storage:mount"),
        ("build", ["--memory 1g"], "resource:limit"),
        ("run", ["--restart no"], "restart-policy"),
        ("deploy", ["-p", "80:80"], "ports:add"),
        ("build", ["--file x"], "builder-dockerfile:set"),
        ("run", ["--privileged"], "the server's powers"),
        ("deploy", ["--cap-add SYS_ADMIN"], "range of ids"),
        ("build", ["--network host"], "network of its own"),
        ("build", ["--unheard-of"], "known: "),
    ],
)
def test_what_is_not_known_is_refused_with_what_to_do(phase: str, words: list[str], hint: str):
    with pytest.raises(PaasError) as caught:
        parse(phase, words)
    assert hint in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    "words",
    [[], ["x"], ["--build-arg"], ["--build-arg 1X=2"], ['--build-arg "x'], ["--label x"],
     ["--target", "a b"], ["--target", "--no-cache"], ["--build-arg", "A B=c"]],
)  # fmt: skip
def test_what_is_no_option_is_refused(words: list[str]):
    with pytest.raises(UsageError):
        parse("build", words)
