"""An app of each language here, pushed, fetched through the proxy, and pushed again."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.buildpacks import gems
from tests.buildpacks.sandbox import APPS, REPOSITORY, Sandbox
from tests.e2e.instance import Instance
from tests.languages.growing import GROWTHS

# three builds each, with what compilers and registries take beside others' work
pytestmark = pytest.mark.timeout(1800)


class Case:
    """A sample app: its folder, a change of source, what only a first push says, a package."""

    def __init__(
        self, language: str, source: str, old: str, new: str, once: tuple[str, ...], package: str
    ):
        self.language = language
        self.source = source
        self.old = old
        self.new = new
        self.once = once
        self.package = package  # one of its bill of materials

    @property
    def folder(self) -> Path:
        return APPS / self.language

    def changed(self) -> dict[str, str]:
        text = (self.folder / self.source).read_text()
        assert self.old in text
        return {self.source: text.replace(self.old, self.new)}


CASES = (
    Case("go", "main.go", "Hello from Go", "Hi from Go", ("Installing Go", "downloading"),
         "pkg:golang/github.com/go-chi/chi/v5@v5.2.3"),
    Case("rust", "src/main.rs", "Hello from Rust", "Hi from Rust", ("Installing", "Compiling log"),
         "pkg:cargo/tiny_http@0.12.0"),
    Case(
        "java", "src/main/java/com/example/Hello.java", "Hello from Java", "Hi from Java",
        ("Installing Maven",), "pkg:maven/com.google.code.gson/gson@2.11.0",
    ),
    Case("ruby", "app.rb", "Hello from Ruby", "Hi from Ruby", ("Installing gems",),
         "pkg:gem/sinatra@"),
    Case("php", "public/index.php", "from('PHP')", "from('us')", ("Debian packages",),
         "pkg:composer/example/greeting@"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.language)
def test_a_sample_app_is_pushed_served_pushed_again_from_what_is_kept_and_grown(
    platform: Instance, sandbox: Sandbox, case: Case
):
    repository = platform.repository(case.language, case.folder)
    packed = functools.cache(lambda: gems.Packed(sandbox))
    if case.language == "ruby":
        write(repository.path, packed().app())
    said = repository.deploy()
    assert platform.get(case.language).text.strip() == page(case.old)
    for words in (*case.once, *shown(case.language)):
        assert words in without_numbers(said), said
    bill = json.loads(platform.ok("releases:sbom", case.language))
    assert any(one["purl"].startswith(case.package) for one in bill["components"])
    said = repository.deploy(case.changed())
    assert platform.get(case.language).text.strip() == page(case.new)
    for words in case.once:
        assert words not in said
    growth = GROWTHS[case.language](packed)
    write(repository.path, growth.files)
    said = repository.deploy()
    assert platform.get(case.language).text.strip() == growth.page
    assert growth.said in said, said
    for words in growth.unsaid:
        assert words not in said


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def page(source: str) -> str:
    """What the page says; PHP's is put together from two files."""
    return re.sub(r"from\('(\w+)'\)", r"Hello from \1", source)


def shown(language: str) -> list[str]:
    """What a first push of the sample says, by the language's page."""
    page = (REPOSITORY / "docs" / "languages" / f"{language}.md").read_text()
    block = page.partition("$ git push paas main\n")[2].partition("\n\n")[0]
    lines = [without_numbers(line.strip()) for line in block.splitlines()]
    assert lines
    return lines


def without_numbers(text: str) -> str:
    """Versions differ with the day."""
    return re.sub(r"\d+(\.\d+)+[\w.+~-]*", "N", text)


GREEDY = """fn main() {
    let eaten = vec![1u8; 3 << 30];
    println!("cargo:warning={}", eaten.iter().map(|&one| one as u64).sum::<u64>());
}
"""


def test_a_build_that_eats_its_memory_is_told_of_the_limit(platform: Instance):
    files = {
        "Cargo.toml": '[package]\nname = "greedy"\nversion = "0.1.0"\nedition = "2021"\n',
        "Cargo.lock": 'version = 4\n\n[[package]]\nname = "greedy"\nversion = "0.1.0"\n',
        "src/main.rs": "fn main() {}\n",
        "build.rs": GREEDY,
    }
    said = platform.repository("greedy").fail(files)
    assert "the build was killed: memory limit 2048 MiB" in said
    assert "build with fewer parallel jobs, or raise build_memory_bytes in the settings" in said
