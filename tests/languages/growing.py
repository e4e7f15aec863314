"""The sample apps, each grown by one dependency that its page then uses."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.buildpacks.gems import Packed
from tests.buildpacks.sandbox import APPS

GO_SUM = """\
github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=
github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=
"""
ITOA = """
[[package]]
name = "itoa"
version = "1.0.18"
{source}
checksum = "8f42a60cbdf9a97f5d2305f08a87dc4e09308d1276d28c869c684d7777685682"
"""
LANG3 = """\
    <dependency>
      <groupId>org.apache.commons</groupId>
      <artifactId>commons-lang3</artifactId>
      <version>3.17.0</version>
    </dependency>
  </dependencies>
  <build>"""


@dataclass(frozen=True, slots=True)
class Growth:
    """files are pushed; said names what the new dependency's installation is told by, and
    unsaid what would be told if anything that was there were installed again."""

    files: Mapping[str, str | bytes]
    page: str
    said: str
    unsaid: tuple[str, ...]


def text(path: str) -> str:
    return (APPS / path).read_text()


def edited(path: Path, *changes: tuple[str, str]) -> str:
    found = path.read_text()
    for old, new in changes:
        assert old in found, f"{path.name} has no {old!r}"
        found = found.replace(old, new, 1)
    return found


def go(_gems: Callable[[], Packed]) -> Growth:
    folder = APPS / "go"
    main = edited(
        folder / "main.go",
        ('chi/v5"\n', 'chi/v5"\n\t"github.com/google/uuid"\n'),
        ('"Hello from Go"', '"Go with", uuid.Nil.Variant()'),
    )
    module = text("go/go.mod") + "\nrequire github.com/google/uuid v1.6.0\n"
    files = {"go.mod": module, "go.sum": text("go/go.sum") + GO_SUM, "main.go": main}
    unsaid = ("Installing Go", "downloading github.com/go-chi")
    return Growth(files, "Go with Reserved", "downloading github.com/google/uuid", unsaid)


def rust(_gems: Callable[[], Packed]) -> Growth:
    folder = APPS / "rust"
    main = edited(
        folder / "src" / "main.rs",
        ('"Hello from Rust\\n"', 'format!("Rust with {}\\n", itoa::Buffer::new().format(42))'),
    )
    source = next(line for line in text("rust/Cargo.lock").splitlines() if "registry+" in line)
    itoa = ITOA.format(source=source)
    lock = edited(
        folder / "Cargo.lock",
        (' "tiny_http",\n]\n', ' "itoa",\n "tiny_http",\n]\n'),
        ('\n[[package]]\nname = "log"', itoa + '\n[[package]]\nname = "log"'),
    )
    manifest = text("rust/Cargo.toml") + 'itoa = "1.0.18"\n'
    files = {"Cargo.toml": manifest, "Cargo.lock": lock, "src/main.rs": main}
    return Growth(files, "Rust with 42", "Compiling itoa", ("Installing", "Compiling log"))


def java(_gems: Callable[[], Packed]) -> Growth:
    source = "src/main/java/com/example/Hello.java"
    main = edited(
        APPS / "java" / source,
        (
            '"Hello from Java\\n".getBytes()',
            'org.apache.commons.lang3.StringUtils.reverse("\\navaj").getBytes()',
        ),
    )
    pom = edited(APPS / "java" / "pom.xml", ("  </dependencies>\n  <build>", LANG3))
    said = "Including org.apache.commons:commons-lang3:jar:3.17.0 in the shaded jar"
    return Growth({"pom.xml": pom, source: main}, "java", said, ("Installing Maven",))


def ruby(gems: Callable[[], Packed]) -> Growth:
    folder = APPS / "ruby"
    page = edited(folder / "app.rb", ('"Hello from Ruby\\n"', "SHELF"))
    rack = edited(folder / "config.ru", ("require_relative", 'require "shelf"\nrequire_relative'))
    files = {**gems().grown(), "app.rb": page, "config.ru": rack}
    unsaid = ("Debian packages", "Installing sinatra")
    return Growth(files, "Ruby with a shelf", "Installing shelf 1.0.0", unsaid)


def php(_gems: Callable[[], Packed]) -> Growth:
    folder = APPS / "php"
    document = json.loads(text("php/composer.json"))
    document["require"]["example/parting"] = "^1.0"
    lock = json.loads(text("php/composer.lock"))
    (greeting,) = lock["packages"]
    dist = {"type": "path", "url": "packages/parting", "reference": "0" * 40}
    autoload = {"files": ["parting.php"]}
    lock["packages"].append(
        {**greeting, "name": "example/parting", "dist": dist, "autoload": autoload}
    )
    package = {"name": "example/parting", "version": "1.0.0", "autoload": autoload}
    page = edited(folder / "public" / "index.php", ("Example\\Greeting::from('PHP')", "parting()"))
    files = {
        "composer.json": json.dumps(document),
        "composer.lock": json.dumps(lock),
        "packages/parting/composer.json": json.dumps(package),
        "packages/parting/parting.php": '<?php function parting() { return "Bye from PHP\\n"; }\n',
        "public/index.php": page,
    }
    said = "Installing example/parting (1.0.0): Mirroring from packages/parting"
    return Growth(files, "Bye from PHP", said, ("Debian packages",))


GROWTHS: Mapping[str, Callable[[Callable[[], Packed]], Growth]] = {
    "go": go, "rust": rust, "java": java, "ruby": ruby, "php": php,
}  # fmt: skip
