"""Building the programs."""

import os
import re
import shlex
import shutil

from lifecycle import child, config, programs, say

from go import explain, install, modules

LDFLAGS = "-s -w"  # no tables for debuggers; traces of panics need none
OUTPUT = ".heroku/built"
TAGS_FLAG = re.compile(r"--?tags[= ]([\w.,]+)")


def build(
    root: str,
    cache: str,
    variables: dict[str, str],
    base: dict[str, str],
    packages: list[str],
) -> None:
    """Build the packages into bin/. Failure in the user's words when one does not compile."""
    wanted = modules.toolchain(root, variables)
    say.step(f"Building with Go {install.installed(install.GO)} ({wanted.why})")
    output = os.path.join(root, OUTPUT)
    os.makedirs(output, exist_ok=True)
    begin_cache(f"{cache}/go/build")
    argv = [f"{install.GO}/bin/go", *install.BUILD, f"-tags={tags(variables)}"]
    argv += [f"-ldflags={linker_flags(variables)}", "-o", f"{output}/", *packages]
    done = child.run(argv, environment(cache, variables, base), root)
    if done.status:
        raise explain.build(done.output)
    place(root, output)


def begin_cache(path: str) -> None:
    """An app's first cache of compiled packages is a copy of what the toolchain's layer has."""
    if not os.path.isdir(path):
        shutil.rmtree(f"{path}.new", ignore_errors=True)
        shutil.copytree(install.COMPILED, f"{path}.new")
        os.rename(f"{path}.new", path)


def environment(cache: str, variables: dict[str, str], base: dict[str, str]) -> dict[str, str]:
    """Go's caches on the app's cache mount; the toolchain is the layer's, whatever go.mod says."""
    return {
        **base,
        **config.exported(variables),
        "PATH": f"{install.GO}/bin:{base.get('PATH', '')}",
        "GOTOOLCHAIN": "local",
        "GOPATH": f"{cache}/go",
        "GOMODCACHE": f"{cache}/go/modules",
        "GOCACHE": f"{cache}/go/build",
        "GOFLAGS": f"-modcacherw {variables.get('GOFLAGS', '')}".strip(),
        "XDG_CONFIG_HOME": "/tmp/config",
    }


def tags(variables: dict[str, str]) -> str:
    """Ours, GO_TAGS, and those in GOFLAGS, which a flag of ours would replace."""
    own = variables.get("GO_TAGS", "").replace(",", " ").split()
    given = [
        tag for text in TAGS_FLAG.findall(variables.get("GOFLAGS", "")) for tag in text.split(",")
    ]
    return ",".join(dict.fromkeys([*install.TAGS, *own, *given]))


def linker_flags(variables: dict[str, str]) -> str:
    """GO_LDFLAGS in place of ours; Heroku's GO_LINKER_SYMBOL and GO_LINKER_VALUE beside them."""
    flags = variables.get("GO_LDFLAGS", LDFLAGS)
    symbol = variables.get("GO_LINKER_SYMBOL", "")
    value = variables.get("GO_LINKER_VALUE", os.environ.get("SOURCE_VERSION", ""))
    return f"{flags} -X {shlex.quote(f'{symbol}={value}')}" if symbol else flags


def place(root: str, output: str) -> None:
    """Move the programs to bin/."""
    names = os.listdir(output)
    os.makedirs(os.path.join(root, programs.FOLDER), exist_ok=True)
    for name in names:
        os.replace(os.path.join(output, name), os.path.join(root, programs.FOLDER, name))
    shutil.rmtree(output)
    programs.note(root, names)


def default_processes(root: str) -> dict[str, str]:
    """The only program, or the one named like a web process or the module."""
    module = re.sub(r"/v\d+$", "", modules.name(root)).rpartition("/")[2]
    return programs.default_processes(root, module)
