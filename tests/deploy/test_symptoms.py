"""The last words of a process that would not start, and what is said of them."""

import pytest

from paas.deploy import symptoms


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Error: Cannot find module 'express'", "the package express is not in the image"),
        (
            "[ERR_MODULE_NOT_FOUND]: Cannot find package '@scope/kit' imported from /app/a.js",
            "the package @scope/kit is not in the image",
        ),
        ("Error: Cannot find module 'lodash/get'", "the package lodash is not in the image"),
        (
            "Error: Cannot find module '/app/dist/index.js'",
            "the file dist/index.js is not in the image",
        ),
        ("Error: Cannot find module './lib/Db'", "the file ./lib/Db is not in the image"),
        (
            "ModuleNotFoundError: No module named 'requests'",
            "the module requests is not in the image",
        ),
        (
            "python: can't open file '/app/main.py': [Errno 2] No such file or directory",
            "the file main.py is not in the image",
        ),
        ("sh: 1: next: not found", "the program next is not in the image"),
        (
            "/bin/bash: line 1: gunicorn: command not found",
            "the program gunicorn is not in the image",
        ),
        ("Failed to find attribute 'app' in 'shop'.", "shop has no app: name the variable"),
        (
            "Error: listen EACCES: permission denied 0.0.0.0:80",
            "port 80 is for a machine's administrator",
        ),
        (
            "/.paas/launch: line 22: /app/bin/start.sh: cannot execute: required file not found",
            "bin/start.sh has the line ends of Windows",
        ),
        (
            "/bin/bash: line 1: ./start.sh: Permission denied",
            "start.sh is not executable: git update-index --chmod=+x start.sh, and commit",
        ),
        ('error: Module not found "file:///app/src/x.ts".', "the file src/x.ts is not in the"),
    ],
)
def test_what_is_missing_is_named(line, said):
    assert symptoms.remedy(["Starting", line, "bye"]).startswith(said)


@pytest.mark.parametrize(
    "line",
    [
        *("GET /nowhere 404 not found", "user 7: not found", "{}", "key '{0}' not found"),
        "/bin/bash: line 1: /app/log.txt: Permission denied",
    ],
)
def test_a_line_that_says_nothing_of_the_kind_is_left_alone(line):
    assert symptoms.remedy([line]) == ""
