"""Cloud Native Buildpacks written for the tests: one brings a tool, one serves with it."""

import json
from pathlib import Path

PROJECT = """\
[_]
schema-version = "0.2"

[io.buildpacks]
exclude = ["secret*.txt"]

[[io.buildpacks.group]]
uri = "packs/tool"

[[io.buildpacks.group]]
uri = "packs/web"

[[io.buildpacks.build.env]]
name = "GREETING"
value = "from the project"
"""

TOOL_DETECT = """\
#!/bin/sh
printf '[[provides]]\\nname = "tool"\\n' > "$CNB_BUILD_PLAN_PATH"
"""
# a layer for builds and processes, kept: made again only when its version changes
TOOL_BUILD = """\
#!/bin/bash
set -eu
wanted=$(cat tool-version)
layer=$CNB_LAYERS_DIR/tool
test "$(id -u)" = 1000
if grep -qs "made = \\"$wanted\\"" "$layer.toml"; then
    echo "the tool is $wanted already"
else
    echo "making tool $wanted"
    rm -rf "$layer"; mkdir -p "$layer/bin" "$layer/env.launch"
    cp "$CNB_BUILDPACK_DIR/serve.py" "$layer/bin/serve"; chmod 755 "$layer/bin/serve"
    printf %s "$wanted" > "$layer/env.launch/TOOL_VERSION.override"
fi
cat > "$layer.toml" <<END
[types]
build = true
launch = true
cache = true
[metadata]
made = "$wanted"
END
cat > "$CNB_LAYERS_DIR/launch.sbom.cdx.json" <<END
{"bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1,
 "components": [{"type": "library", "name": "tool", "version": "$wanted"}]}
END
"""
WEB_DETECT = """\
#!/bin/sh
test -f page.txt || exit 100
printf '[[requires]]\\nname = "tool"\\n' > "$CNB_BUILD_PLAN_PATH"
"""
WEB_BUILD = """\
#!/bin/bash
set -eu
command -v serve
test ! -e secret.txt
cat "$CNB_PLATFORM_DIR/env/GREETING" > greeting.txt
cat > "$CNB_LAYERS_DIR/launch.toml" <<END
[[processes]]
type = "web"
command = ["serve"]
args = ["page.txt"]
default = true

[[processes]]
type = "worker"
command = ["serve", "greeting.txt"]
END
"""
SERVE = '''\
#!/usr/bin/python3
"""Answer with what a file says, and the version of the tool that serves it."""
import http.server, os, sys

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = open(sys.argv[1]).read().strip() + " by " + os.environ["TOOL_VERSION"]
        text += " " + open("greeting.txt").read().strip()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

http.server.HTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
'''


def pack(folder: Path, identity: str, detect: str, build: str, **files: str) -> None:
    """Write a buildpack."""
    (folder / "bin").mkdir(parents=True)
    document = f'api = "0.10"\n[buildpack]\nid = {json.dumps(identity)}\nversion = "1.0.0"\n'
    document += 'sbom-formats = ["application/vnd.cyclonedx+json"]\n'
    (folder / "buildpack.toml").write_text(document)
    for name, text in {"bin/detect": detect, "bin/build": build, **files}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def composite(folder: Path) -> None:
    """A buildpack that consists of the other two."""
    folder.mkdir(parents=True)
    (folder / "buildpack.toml").write_text(
        'api = "0.10"\n[buildpack]\nid = "tests/both"\nversion = "1.0.0"\n[[order]]\n'
        '[[order.group]]\nid = "tests/tool"\nversion = "1.0.0"\n'
        '[[order.group]]\nid = "tests/web"\nversion = "1.0.0"\n'
    )


def both(folder: Path) -> None:
    pack(folder / "tool", "tests/tool", TOOL_DETECT, TOOL_BUILD, **{"serve.py": SERVE})
    pack(folder / "web", "tests/web", WEB_DETECT, WEB_BUILD)
