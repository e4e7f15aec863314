"""Pushes of the compiled languages, beside the app's own start and its compiler alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import languages
from tests.bench.deploys import push_to_page
from tests.bench.measuring import Outcome, median, repeated
from tests.buildpacks.sandbox import APP_UID, APPS, Sandbox, files_of, packed
from tests.e2e.instance import Instance


@dataclass(frozen=True)
class Sample(languages.Sample):
    """A test app, and its compiler as one would call it by hand on warm caches."""

    command: str = ""


SAMPLES = {
    "go": Sample(
        "go", "main.go", "Hello from Go", "bin/hello",
        "GOCACHE=/cache/go/build GOMODCACHE=/cache/go/modules GOTOOLCHAIN=local "
        "/app/.heroku/go/bin/go build -trimpath -buildvcs=false -tags=netgo,osusergo "
        "'-ldflags=-s -w' -o /tmp/hello .",
    ),
    "rust": Sample(
        "rust", "src/main.rs", "Hello from Rust", "bin/hello",
        "CARGO_HOME=/cache/rust/cargo CARGO_TARGET_DIR=/cache/alone "
        "cargo build --release --locked",
    ),
    "java": Sample(
        "java", "src/main/java/com/example/Hello.java", "Hello from Java",
        "java -jar target/hello-1.0.jar",
        "MAVEN_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1' /app/.heroku/maven/bin/mvn "
        "-B -ntp -DskipTests -Dmaven.repo.local=/cache/java/maven package",
    ),
}  # fmt: skip


def again(instance: Instance, language: str, runs: int) -> Outcome:
    """A push that changes only source, above the app's own start and its own compile."""
    sample = SAMPLES[language]
    repository = instance.repository("again", APPS / sample.folder)
    repository.deploy()

    def run(number: int) -> float:
        text = f"version {number}"
        repository.commit(sample.files(text))
        return push_to_page(instance, repository, f"{text}\n")

    with languages.build_sandbox() as sandbox:
        compile_alone = compiler(sandbox, sample)
        pushes, compiles = languages.in_turn(runs, run, compile_alone)
    starts = repeated(runs, lambda _: languages.own_start(instance, "again", sample.web))
    taken, own = median(pushes), median(starts)
    compiling = median(compiles)
    above = taken - own - compiling
    return Outcome(
        f"re-push, {language}, dependencies unchanged",
        "<= 1.2 s above the app's own start and compile",
        f"{taken:.2f} s ({above:.2f} s above start {own:.2f} s and compile {compiling:.2f} s)",
        f"{above:.2f} of 1.2 s",
        above <= 1.2,
        {"push": pushes, "own_start": starts, "own_compile": compiles},
    )


def compiler(sandbox: Sandbox, sample: Sample) -> Callable[[int], float]:
    """The compiler over the layers and the cache that one build of the sample left."""
    built = sandbox.build(APPS / sample.folder, app="alone")
    assert built.status == 0, built.output
    archive = packed(files_of(APPS / sample.folder))
    cache, layers = sandbox.folder("cache-alone"), []
    for document in built.plan:
        folders = {"config": sandbox.fresh("config"), "cache": cache}
        layers.insert(0, sandbox.layer("alone", document, layers, archive, **folders).upper)
    write(cache, sample, "before")
    timed(sandbox, sample, cache, layers)

    def run(number: int) -> float:
        write(cache, sample, f"version {number}")
        return timed(sandbox, sample, cache, layers)

    return run


def write(cache: Path, sample: Sample, text: str) -> None:
    """The sample's files, saying a text, where the compiler alone is called."""
    files = {name: data.decode() for name, data in files_of(APPS / sample.folder).items()}
    for name, content in {**files, **sample.files(text)}.items():
        path = cache / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for path in (cache / "app", *(cache / "app").rglob("*")):
        os.chown(path, APP_UID, APP_UID)


def timed(sandbox: Sandbox, sample: Sample, cache: Path, layers: list[Path]) -> float:
    script = f"cd /cache/app && {languages.TIMED.format(sample.command)}"
    done = sandbox.run(["bash", "-c", script], layers, config=sandbox.fresh("config"), cache=cache)
    assert done.status == 0, done.output
    return float(done.output.split()[-1])
