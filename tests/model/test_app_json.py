import json

import pytest

from paas.errors import PaasError
from paas.model.app_json import HealthCheck, Variable, parse
from paas.model.job import Job


def test_every_part_is_typed():
    document = {
        "name": "blog",
        "env": {
            "PLAIN": "text",
            "SECRET": {"generator": "secret", "description": "signs sessions"},
            "OPTIONAL": {"required": False},
            "FOLLOWED": {"value": "2", "sync": True},
        },
        "formation": {"web": {"quantity": 2, "max_parallel": 1}, "worker": {"size": "basic"}},
        "scripts": {"dokku": {"predeploy": "a", "postdeploy": "b"}, "postdeploy": "c"},
        "healthchecks": {
            "web": [
                {
                    "name": "ready",
                    "path": "/ready",
                    "attempts": 4,
                    "timeout": 7,
                    "wait": 2,
                    "initialDelay": 1,
                    "httpHeaders": [{"name": "Accept", "value": "text/html"}],
                }
            ],
            "worker": [{"type": "liveness", "command": ["true"], "warn": True}],
        },
        "buildpacks": [{"url": "heroku/python"}, "nodejs"],
        "cron": [{"command": "echo hi", "schedule": "0 1 * * *", "extra": 1}],
        "keywords": ["ignored"],
    }
    manifest = parse(json.dumps(document))
    assert manifest.env == {
        "PLAIN": Variable(value="text"),
        "SECRET": Variable(secret=True, description="signs sessions"),
        "OPTIONAL": Variable(required=False),
        "FOLLOWED": Variable(value="2", sync=True),
    }
    assert manifest.formation == {"web": 2}
    assert manifest.max_parallel == {"web": 1}
    assert (manifest.predeploy, manifest.postdeploy, manifest.first_deploy) == ("a", "b", "c")
    assert manifest.healthchecks["web"] == (
        HealthCheck(
            name="ready",
            path="/ready",
            attempts=4,
            timeout_s=7,
            wait_s=2,
            initial_delay_s=1,
            headers=(("Accept", "text/html"),),
        ),
    )
    assert manifest.healthchecks["worker"] == (
        HealthCheck(type="liveness", command=("true",), warn=True),
    )
    assert manifest.buildpacks == ("heroku/python", "nodejs")
    assert manifest.cron == (Job("echo hi", "0 1 * * *"),)
    assert manifest.document == document


def test_an_empty_object_asks_for_nothing():
    manifest = parse("\ufeff{}")
    assert manifest.env == {}
    assert manifest.document == {}


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"env": []}, "env"),
        ({"env": {"A": 1}}, "env.A"),
        ({"env": {"A": {"value": 1}}}, "env.A.value"),
        ({"env": {"A": {"value": "x\0"}}}, "env.A.value"),
        ({"env": {"A": {"required": "yes"}}}, "env.A.required"),
        ({"env": {"A": {"generator": "uuid"}}}, "env.A.generator"),
        ({"env": {"A-B": "x"}}, "env.A-B"),
        ({"env": {"": "x"}}, "env."),
        ({"formation": {"web": 1}}, "formation.web"),
        ({"formation": {"web": {"quantity": "1"}}}, "formation.web.quantity"),
        ({"formation": {"web": {"quantity": True}}}, "formation.web.quantity"),
        ({"formation": {"web": {"quantity": -1}}}, "formation.web.quantity"),
        ({"formation": {"web": {"quantity": 10**9}}}, "formation.web.quantity"),
        ({"formation": {"../x": {"quantity": 1}}}, "formation.../x"),
        ({"scripts": "x"}, "scripts"),
        ({"scripts": {"dokku": {"predeploy": ["x"]}}}, "scripts.dokku.predeploy"),
        ({"healthchecks": {"web": {}}}, "healthchecks.web"),
        ({"healthchecks": {"web": [{"path": "x"}]}}, "healthchecks.web[0].path"),
        ({"healthchecks": {"web": [{"path": "/a\r\nX: y"}]}}, "healthchecks.web[0].path"),
        ({"healthchecks": {"web": [{}, {"port": 0}]}}, "healthchecks.web[1].port"),
        ({"healthchecks": {"web": [{"type": "slow"}]}}, "healthchecks.web[0].type"),
        (
            {"healthchecks": {"web": [{"httpHeaders": [{"name": "A", "value": "b\nC: d"}]}]}},
            "healthchecks.web[0].httpHeaders[0]",
        ),
        ({"healthchecks": {"web": [{"command": ["a", 1]}]}}, "healthchecks.web[0].command[1]"),
        ({"buildpacks": {"url": "x"}}, "buildpacks"),
        ({"buildpacks": [{"url": ""}]}, "buildpacks[0].url"),
        ({"cron": [{"command": "x"}]}, "cron[0].schedule"),
        ({"cron": [{"command": "x", "schedule": "61 * * * *"}]}, "cron[0].schedule"),
        ({"cron": [{"command": "x\n* * * * * root id", "schedule": "@daily"}]}, "cron[0].command"),
        (
            {"cron": [{"command": "x", "schedule": "@daily", "timezone": "Mars/Base"}]},
            "cron[0].timezone",
        ),
        (
            {"cron": [{"command": "x", "schedule": "@daily", "concurrency_policy": "both"}]},
            "cron[0].concurrency_policy",
        ),
        ({"cron": [{"command": "x", "schedule": "@daily"}] * 2}, "cron[1]"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(document, key):
    with pytest.raises(PaasError) as caught:
        parse(json.dumps(document))
    assert caught.value.message.startswith(f"app.json: {key} ")


@pytest.mark.parametrize("text", ["", "[]", "{", "nope", "[" * 100_000])
def test_what_is_not_a_json_object_is_refused_in_words(text):
    with pytest.raises(PaasError, match=r"app\.json"):
        parse(text)


def test_a_syntax_error_names_the_line():
    with pytest.raises(PaasError, match="line 3 column 3"):
        parse('{\n  "env": {},\n  oops\n}')
