"""A build with Cloud Native Buildpacks: the lifecycle's phases, one after the other.

Buildpacks run in detect and build, as the app's user; the phases around them keep and bring
back layers as root of the app's range of ids. Source: github.com/buildpacks/spec, platform
API 0.14, platform.md.
"""

import json
import os
import re
import subprocess
import sys
from typing import Any

from images import untar
from images.importing import unpacked
from lifecycle import results, say, slugignore
from lifecycle.say import Failure
from lifecycle.unpack import unpack

from cnb import order, runimage

PLATFORM_API = "0.14"
LIFECYCLE = "/cnb/lifecycle"
WORKSPACE, LAYERS, PLATFORM = order.WORKSPACE, "/layers", "/platform"
KEPT = "/cache/cnb"
CACHE, LAYOUT = f"{KEPT}/layers", f"{KEPT}/layout"
VARIABLES = "/config/env"
RESULT = "/result"
METADATA = "io.buildpacks.build.metadata"
LABEL_BYTES = 1 << 20
CODES = {  # platform.md, "Outputs" of each phase
    "detector": {
        20: "no group of buildpacks fits this app",
        21: "a buildpack failed while it looked at the app",
    },
    "builder": {51: "a buildpack failed"},
}
HINT = "the lines above say which and why"
# what the lifecycle says to itself
NOISE = re.compile(
    r"^(===> |Timer: |Image with name .* not found|No run metadata found|Using app image: "
    r"|Warning: Did not find SBOM l|Adding label |Saving /cache/)"
)


def build(options: dict[str, Any]) -> None:
    """The whole build, of the commit on standard input; its image's layers are in /out."""
    uid = options["uid"]
    workplace()
    project = order.project(options["project"])
    select(project)
    order.prepare(project)
    variables(project.variables)
    runimage.write(LAYOUT, str(uid), system())
    own(uid, WORKSPACE, LAYERS, PLATFORM, KEPT)
    for name, argv in phases(uid):
        run(name, argv, uid)
    blobs, image = runimage.exported(LAYOUT)
    budget = untar.Budget(options["bytes"], options["entries"])
    known = set(options["known"])
    layers = [
        unpacked(blobs, number, blob, budget, reused=blob.digest in known)
        for number, blob in enumerate(image.blobs[1:])  # above the run image
    ]
    results.write(
        RESULT,
        "image",
        {
            "digest": image.digest,
            "config": image.config,
            "layers": layers,
            "processes": processes(image.config),
        },
    )


def workplace() -> None:
    for path in (WORKSPACE, LAYERS, f"{PLATFORM}/env", CACHE, LAYOUT):
        os.makedirs(path, mode=0o755, exist_ok=True)
    unpack(sys.stdin.buffer, WORKSPACE)


def select(project: order.Project) -> None:
    """Leave out the files that project.toml does not want in a build."""
    if project.exclude:
        patterns = [slugignore.compiled(text) for text in project.exclude]
        slugignore.prune(WORKSPACE, "", patterns)
    elif project.include:
        patterns = [slugignore.compiled(text) for text in project.include]
        keep(WORKSPACE, "", patterns)


def keep(root: str, below: str, patterns: list[re.Pattern[str]]) -> bool:
    """Remove what no pattern matches; whether anything stayed."""
    stayed = False
    for item in list(os.scandir(os.path.join(root, below))):
        folder = item.is_dir(follow_symlinks=False)
        path = f"{below}{item.name}"
        if any(one.fullmatch(f"{path}/" if folder else path) for one in patterns) or (
            folder and keep(root, f"{path}/", patterns)
        ):
            stayed = True
        elif folder:
            os.rmdir(item.path)
        else:
            os.unlink(item.path)
    return stayed


def variables(said: dict[str, str]) -> None:
    """What buildpacks find of the app's config, one file a variable; config goes first."""
    found = dict(said)
    for name in os.listdir(VARIABLES) if os.path.isdir(VARIABLES) else ():
        with open(os.path.join(VARIABLES, name)) as file:
            found[name] = file.read()
    for name, text in found.items():
        if "/" not in name and name not in ("", ".", ".."):
            with open(f"{PLATFORM}/env/{name}", "w") as file:
                file.write(text)


def system() -> dict[str, str]:
    """os-release(5) of the stack."""
    with open("/etc/os-release") as file:
        pairs = [line.rstrip("\n").partition("=") for line in file]
    return {key: text.strip('"') for key, _, text in pairs}


def own(uid: int, *roots: str) -> None:
    """Make everything below the buildpacks' user's, links themselves and not what they name."""
    for root in roots:
        os.chown(root, uid, uid)
        for folder, folders, files in os.walk(root):
            for name in (*folders, *files):
                os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)


# -- phases ---------------------------------------------------------------------------------


def phases(uid: int) -> list[tuple[str, list[str]]]:
    """The phases and their words."""
    ids = [f"-uid={uid}", f"-gid={uid}"]
    images = ["-layout", f"-layout-dir={LAYOUT}"]
    layers = [f"-layers={LAYERS}"]
    packs = [f"-app={WORKSPACE}", f"-buildpacks={order.SHELF}", f"-platform={PLATFORM}"]
    previous = os.path.isdir(os.path.join(LAYOUT, runimage.PATHS[runimage.APP]))
    before = [f"-previous-image={runimage.APP}"] if previous else []
    return [
        (
            "analyzer",
            [*ids, *images, *layers, f"-run-image={runimage.RUN}", *before, runimage.APP],
        ),
        ("detector", [*layers, *packs, f"-order={order.ORDER}"]),
        ("restorer", [*ids, *images, *layers, f"-cache-dir={CACHE}"]),
        ("builder", [*layers, *packs]),
        (
            "exporter",
            [
                *(*ids, *images, *layers, f"-cache-dir={CACHE}", f"-app={WORKSPACE}"),
                *(f"-launcher={LIFECYCLE}/launcher", runimage.APP),
            ],
        ),
    ]


def run(name: str, words: list[str], uid: int) -> None:
    """One phase to its end; those that run buildpacks are the app's user's."""
    environment = {
        **os.environ,
        "CNB_PLATFORM_API": PLATFORM_API,
        "CNB_EXPERIMENTAL_MODE": "quiet",
        "CNB_NO_COLOR": "true",
        "CNB_TARGET_OS": "linux",
        "CNB_TARGET_ARCH": runimage.architecture(),
        "HOME": "/tmp",
    }
    unprivileged = name in ("detector", "builder")
    identity = {"user": uid, "group": uid, "extra_groups": []} if unprivileged else {}
    say.step({"detector": "Detecting", "builder": "Building"}.get(name, name.title() + " phase"))
    with subprocess.Popen(
        [f"{LIFECYCLE}/{name}", *words],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **identity,
    ) as child:
        for raw in child.stdout or ():
            line = raw.decode(errors="replace").rstrip()
            if not NOISE.match(line):
                say.detail(line)
    if child.returncode:
        words_ = CODES.get(name, {}).get(child.returncode, f"the {name} failed")
        raise Failure(words_, HINT)


# -- what it made ---------------------------------------------------------------------------


def processes(config: dict[str, Any]) -> list[str]:
    """The types of the processes that the buildpacks declared."""
    labels = order.section(config, "config", "Labels")
    text = labels.get(METADATA)
    try:
        value = json.loads(text) if isinstance(text, str) and len(text) <= LABEL_BYTES else {}
    except (ValueError, RecursionError):
        value = {}
    declared = value.get("processes") if isinstance(value, dict) else None
    return [
        one["type"]
        for one in (declared if isinstance(declared, list) else [])
        if isinstance(one, dict) and isinstance(one.get("type"), str)
    ]
