"""Which variables make another dependency layer: one rule, written in two places."""

import sys

import pytest

from paas.deploy.dependencies import BUILD_CONFIG
from paas.deploy.workshop import BUILDPACKS
from paas.model import mirrors


def test_installers_get_the_variables_that_layers_are_keyed_by():
    sys.path.insert(0, str(BUILDPACKS))
    from lifecycle.config import INSTALLER

    assert INSTALLER.pattern == BUILD_CONFIG.pattern


@pytest.mark.parametrize(
    "name", [*mirrors.VARIABLES, "GOFLAGS", "GO_INSTALL_PACKAGE_SPEC", "CFLAGS"]
)
def test_what_installers_read_makes_another_layer(name: str):
    assert BUILD_CONFIG.fullmatch(name)


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "GOOGLE_API_KEY", "PORT"])
def test_what_they_do_not_read_makes_none(name: str):
    assert not BUILD_CONFIG.fullmatch(name)
