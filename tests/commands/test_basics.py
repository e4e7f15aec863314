import re

from tests.commands.conftest import Admin


def test_the_version_is_told(admin: Admin):
    assert re.fullmatch(r"paas version \d+\.\d+\.\d+\n", admin.ok("version"))
    assert admin("version", "--format", "json").json()["version"]
    assert admin.fails("version", "now").status == 2


def test_help_of_what_does_not_exist_says_so(admin: Admin):
    assert "no command or namespace xyz" in admin.fails("help", "xyz").err
