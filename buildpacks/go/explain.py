"""Why a Go app cannot be built, in one line, from its files or from what go said."""

import os

from lifecycle import explain
from lifecycle.say import Failure

from go import modules

TIDY = "run go mod tidy, and commit go.mod and go.sum"
# files of tools that Go's modules have replaced
FORMER = {
    "Gopkg.lock": "dep",
    "Gopkg.toml": "dep",
    "glide.yaml": "Glide",
    "vendor/vendor.json": "govendor",
    "Godeps/Godeps.json": "godep",
}
# what go says, most telling first: pattern, cause, remedy
REASONS: tuple[explain.Reason, ...] = (
    (
        r"^go: errors parsing (go\.(?:mod|work)):\s*\n?(?:\S+?:(\d+):)?\s*(.*)",
        "{0} cannot be read: line {1}: {2}",
        "correct that line",
    ),
    (
        r"inconsistent vendoring in",
        "vendor/ does not fit go.mod",
        "run go mod vendor, and commit vendor/ with go.mod",
    ),
    (
        r"missing go\.sum entry for (?:go\.mod file|module providing package) ?(\S+)?",
        "go.sum has no entry for {0}",
        TIDY,
    ),
    (
        r"no required module provides package (\S+?);",
        "go.mod names no module with the package {0}",
        TIDY,
    ),
    (r"updates to go\.(?:mod|work) needed", "go.mod is not complete", TIDY),
    (
        r"(?:verifying|SECURITY ERROR).*\n?.*checksum mismatch",
        "a module is not what go.sum was made with",
        "find out why it changed; if it is right so, run go clean -modcache and go mod tidy",
    ),
    (
        r"requires go >= (\S+) \(running go (\S+?)[;)]",
        "a module wants Go {0} or later, but this is Go {1}",
        "raise the go line of go.mod to that version (go get go@<version>)",
    ),
    (
        r"(\S+@\S+?): reading \S+: 4\d\d|(\S+@\S+?): invalid version: unknown revision",
        "there is no module {0}{1}",
        "correct its name or version in go.mod; a private one needs GOPRIVATE and access to it",
    ),
    (
        r"package (\S+) is not in std",
        "there is no package {0} in Go itself",
        "correct the import, or name its module: an import path begins with a domain",
    ),
    (
        r"function main is undeclared in the main package",
        "a package main has no func main()",
        "add one, or rename the package",
    ),
    (
        (
            r"no (?:non-test )?Go files in (\S+)|stat (\S+): directory not found"
            r"|main module .* does not contain package (\S+)"
        ),
        "there is no Go package in {0}{1}{2}",
        "correct GO_INSTALL_PACKAGE_SPEC, or commit the folder",
    ),
    (
        r"(?:dial tcp|proxyconnect|TLS handshake|no such host|connection refused|i/o timeout)",
        "the module proxy could not be reached",
        "try again; if it lasts, set GOPROXY to a proxy that this machine reaches",
    ),
    (
        r"^(\S+\.go:\d+(?::\d+)?): (.*)",
        "the app does not compile: {0}: {1}",
        "see the lines above",
    ),
    (
        r"(?:signal: killed)",
        "the compiler was killed, most likely for want of memory",
        "raise build_memory_bytes in the settings, or set GOFLAGS=-p=1 in the app's config",
    ),
)


def refuse_what_cannot_be_built(root: str) -> None:
    """Failure for an app without a module, told by what it has instead."""
    if any(os.path.isfile(os.path.join(root, name)) for name in modules.FILES):
        return
    for name, tool in FORMER.items():
        if os.path.isfile(os.path.join(root, name)):
            raise Failure(
                f"{name} is of {tool}, which Go no longer knows; there is no go.mod",
                "run go mod init <module path> and go mod tidy, and commit go.mod and go.sum",
            )
    raise Failure(
        "there are Go files, but no go.mod",
        "run go mod init <module path> and go mod tidy, and commit go.mod and go.sum",
    )


def build(output: str) -> Failure:
    """The Failure for what go build printed."""
    return explain.tool("go build", output, REASONS)
