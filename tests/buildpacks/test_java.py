"""Java apps: Maven and its wrapper, wars, archives built elsewhere, Gradle, and what goes wrong."""

import json

import pytest

from tests.buildpacks.sandbox import APPS, files_of, packed
from tests.buildpacks.test_go import built, failed

APP = {name: data.decode() for name, data in files_of(APPS / "java").items()}
SOURCE = "src/main/java/com/example/Hello.java"
POM = APP["pom.xml"]
PLAIN = POM.partition("  <dependencies>")[0] + "</project>\n"  # a jar, and nothing to fetch for it
OFFLINE = {"MAVEN_CUSTOM_OPTS": "-DskipTests --offline"}


@pytest.fixture(scope="module")
def jar(sandbox):
    """The sample, as it was built elsewhere."""
    return (built(sandbox, APP, app="java").app / "target/hello-1.0.jar").read_bytes()


def test_a_maven_project_is_built_and_its_heap_follows_the_containers_memory(sandbox):
    made = built(sandbox, APP, app="java")
    assert "Java 21 (from pom.xml)" in made.output
    assert made.build["processes"] == {
        "web": "java -Dserver.port=$PORT $JAVA_OPTS -jar target/hello-1.0.jar"
    }
    # the JRE is part of the image; the JDK and Maven are not
    names = [(layer["name"], layer["build_only"]) for layer in made.plan]
    assert names == [("run-packages", False), ("build-packages", True), ("maven", True)]
    assert len(made.layers) == 2
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Java\n"
        heap = json.loads(site.get("/memory").body)["heap_mib"]
        assert 0.5 * 512 < heap < 0.65 * 512


def test_a_second_build_takes_everything_from_the_cache(sandbox):
    built(sandbox, APP, app="java")
    changed = {**APP, SOURCE: APP[SOURCE].replace("Hello from", "Hi from")}
    made = built(sandbox, changed, app="java", config=OFFLINE)
    assert "Installing" not in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hi from Java\n"


def test_a_jar_built_elsewhere_runs_without_a_build(sandbox, jar):
    archive = packed({"hello.jar": jar, "system.properties": b"java.runtime.version=25\n"})
    made = sandbox.build({}, archive=archive)
    assert made.status == 0, (made.output, made.results)
    assert [layer["wants"] for layer in made.plan] == [["openjdk-25-jre-headless"]]
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Java\n"


SERVLET = """package com.example;

import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.*;
import java.io.IOException;

@WebServlet("/hello")
public class Page extends HttpServlet {
    protected void doGet(HttpServletRequest asked, HttpServletResponse answer) throws IOException {
        answer.getWriter().print("from a servlet");
    }
}
"""
WAR = PLAIN.replace(
    "<version>1.0</version>", "<version>1.0</version><packaging>war</packaging>"
).replace(
    "</project>\n",
    """<dependencies><dependency><groupId>jakarta.servlet</groupId>
<artifactId>jakarta.servlet-api</artifactId><version>6.0.0</version><scope>provided</scope>
</dependency></dependencies><build><plugins><plugin><artifactId>maven-war-plugin</artifactId>
<version>3.4.0</version></plugin></plugins></build></project>
""",
)


@pytest.mark.heavy
def test_a_war_is_served_by_jetty(sandbox):
    made = built(
        sandbox, {"pom.xml": WAR, "src/main/java/com/example/Page.java": SERVLET}, app="war"
    )
    command = made.build["processes"]["web"]
    assert command.endswith("runner.jar --port $PORT target/hello-1.0.war")
    with sandbox.serving(made) as site:
        assert site.get("/hello").body == b"from a servlet"


SPRING = """<project>
<modelVersion>4.0.0</modelVersion>
<parent><groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-parent</artifactId>
<version>3.5.0</version><relativePath/></parent>
<groupId>com.example</groupId><artifactId>boot</artifactId><version>1.0</version>
<properties><java.version>17</java.version></properties>
<dependencies><dependency><groupId>org.springframework.boot</groupId>
<artifactId>spring-boot-starter-web</artifactId></dependency></dependencies>
<build><plugins><plugin><groupId>org.springframework.boot</groupId>
<artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>
</project>
"""
BOOT = """package com.example;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.*;

@SpringBootApplication
@RestController
public class Boot {
    public static void main(String[] arguments) { SpringApplication.run(Boot.class, arguments); }

    @GetMapping("/")
    String page() { return "Hello from Spring"; }
}
"""


@pytest.mark.heavy
def test_a_spring_boot_app_is_one_jar_that_listens_on_the_port(sandbox):
    files = {"pom.xml": SPRING, "src/main/java/com/example/Boot.java": BOOT}
    made = built(sandbox, files, app="spring")
    assert "Java 21 (which runs what is made for 17, as pom.xml says)" in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Spring"


@pytest.mark.heavy
def test_the_projects_own_wrapper_brings_its_maven(sandbox):
    goal = "org.apache.maven.plugins:maven-wrapper-plugin:3.3.2:wrapper"
    config = {"MAVEN_CUSTOM_GOALS": f"{goal} -Dtype=only-script -Dmaven=3.9.9"}
    made = built(sandbox, {"pom.xml": PLAIN}, app="java", config=config)
    wrapper = {
        "mvnw": (made.app / "mvnw").read_text(),
        ".mvn/wrapper/maven-wrapper.properties": (
            made.app / ".mvn/wrapper/maven-wrapper.properties"
        ).read_text(),
    }
    files = {"pom.xml": PLAIN, **wrapper}
    wrapped = built(sandbox, files, app="java", config={"MAVEN_CUSTOM_GOALS": "--version"})
    assert "Apache Maven 3.9.9" in wrapped.output
    assert "maven" not in [layer["name"] for layer in wrapped.plan]


# -- versions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "package"),
    [
        ({"pom.xml": "<project/>"}, "openjdk-21-jre-headless"),
        ({"pom.xml": "<java.version>25</java.version>"}, "openjdk-25-jre-headless"),
        ({"pom.xml": "<maven.compiler.target>1.8<"}, "openjdk-21-jre-headless"),
        (
            {"pom.xml": "<java.version>21<", "system.properties": "java.runtime.version=25"},
            "openjdk-25-jre-headless",
        ),
        ({"build.gradle": "JavaLanguageVersion.of(24)"}, "openjdk-25-jre-headless"),
    ],
)  # fmt: skip
def test_the_version_is_what_the_project_is_made_for_or_the_next_one(sandbox, files, package):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    assert sandbox.planned(files, **folders)[0]["wants"] == [package]


# -- Gradle --------------------------------------------------------------------------------

# stands for the wrapper, whose own jar and distributions no registry has
GRADLEW = """#!/bin/sh
case $* in
*fail*) echo "Task 'fail' not found in root project 'x'."; exit 1;;
esac
echo "tasks: $1 $2 $3 home: $GRADLE_USER_HOME"
grep distributionUrl gradle/wrapper/gradle-wrapper.properties
mkdir -p build/libs && cp hello.jar build/libs/hello.jar
"""
GRADLE = {
    "build.gradle": "plugins { id 'java' }\n",
    "gradlew": GRADLEW,
    "gradle/wrapper/gradle-wrapper.properties": (
        "distributionUrl=https\\://services.gradle.org/distributions/gradle-8.10-bin.zip\n"
    ),
}


@pytest.mark.parametrize(
    ("build_file", "config", "says"),
    [
        ("", {}, "tasks: build -x check"),
        ("task stage { }\n", {}, "tasks: stage --no-daemon"),
        ("", {"GRADLE_TASK": "shadowJar"}, "tasks: shadowJar --no-daemon"),
        (
            "",
            {"GRADLE_DISTRIBUTION_URL": "https://mirror.example/gradle"},
            "distributionUrl=https\\://mirror.example/gradle/gradle-8.10-bin.zip",
        ),
    ],
)
def test_gradles_wrapper_is_run_with_the_task_that_is_asked_for(
    sandbox, jar, build_file, config, says
):
    files = {name: text.encode() for name, text in GRADLE.items()}
    files["build.gradle"] += build_file.encode()
    made = sandbox.build({}, archive=packed({**files, "hello.jar": jar}), config=config)
    assert made.status == 0, (made.output, made.results)
    assert says in made.output
    assert "home: /cache/java/gradle" in made.output
    assert made.build["processes"]["web"].endswith("-jar build/libs/hello.jar")


# -- what goes wrong -----------------------------------------------------------------------

BAD = {
    "a broken pom": (
        {"pom.xml": "<project><oops></project>"},
        {},
        "pom.xml cannot be read: ",
        "correct it",
    ),
    "no such artifact": (
        {**APP, "pom.xml": POM.replace("<artifactId>gson<", "<artifactId>gsonn<")},
        {},
        "there is no artifact com.google.code.gson:gsonn:jar:2.11.0 in the repository",
        "pom.xml",
    ),
    "no version": (
        {**APP, "pom.xml": POM.replace("<version>2.11.0</version>", "")},
        {},
        "pom.xml names no version for com.google.code.gson:gson",
        "add one",
    ),
    "a syntax error": (
        {**APP, SOURCE: APP[SOURCE].replace("server.start();", "server.start()")},
        {},
        f"the app does not compile: {SOURCE}:26: ';' expected",
        "see the lines above",
    ),
    "a newer Java": (
        {**APP, "pom.xml": POM.replace("<maven.compiler.release>21", "<maven.compiler.release>25"),
         "system.properties": "java.runtime.version=21\n"},
        {},
        "the project is compiled for Java 25, which this Java does not know",
        "java.runtime.version",
    ),
    "a Java of the future": (
        {**APP, "system.properties": "java.runtime.version=99\n"},
        {},
        "system.properties asks for Java 99, and the newest here is 25",
        "java.runtime.version=25",
    ),
    "a Java that is none": (
        {**APP, "system.properties": "java.runtime.version=latest\n"},
        {},
        "system.properties asks for Java 'latest', which is not a version",
        "java.runtime.version=21",
    ),
    "an unknown goal": (
        APP,
        {"MAVEN_CUSTOM_GOALS": "pakcage"},
        "Maven knows no goal pakcage",
        "MAVEN_CUSTOM_GOALS",
    ),
    "a module that is not there": (
        {"pom.xml": PLAIN.replace("</project>", "<packaging>pom</packaging><modules>"
                                  "<module>web</module></modules></project>")},
        {},
        "pom.xml names the module web, which is not in the repository",
        "commit it",
    ),
    "settings that are not there": (
        APP,
        {"MAVEN_SETTINGS_PATH": "ours.xml"},
        "MAVEN_SETTINGS_PATH names ours.xml, which is not in the repository",
        "commit the file",
    ),
    "too little memory": (
        APP,
        {"MAVEN_OPTS": "-Xmx6m"},
        "the build ran out of memory",
        "build_memory_bytes",
    ),
    "a repository out of reach": (
        APP,
        {"MAVEN_MIRROR_URL": "http://127.0.0.1:1"},
        "Maven 3.9.16 could not be fetched: ",
        "MAVEN_MIRROR_URL",
    ),
    "no Gradle wrapper": (
        {"build.gradle": ""},
        {},
        "there is no Gradle wrapper",
        "gradle wrapper",
    ),
    "no task": (GRADLE, {"GRADLE_TASK": "fail"}, "Gradle knows no task fail", "GRADLE_TASK"),
    "no wrapper jar": (
        {**GRADLE, "gradlew": "#!/bin/sh\nexec java -classpath gradle/wrapper/gradle-wrapper.jar "
                              "org.gradle.wrapper.GradleWrapperMain\n"},
        {},
        "gradle/wrapper/gradle-wrapper.jar is not in the repository",
        "git add -f",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_remedy(sandbox, case):
    files, config, message, hint = BAD[case]
    said = failed(sandbox, files, config=config, app="java")
    assert said[0].startswith(message)
    assert hint in said[1]


def test_a_jar_that_cannot_be_run_gets_no_web_process_and_a_word_of_why(sandbox):
    source = "package com.example;\n\npublic class Library { }\n"
    files = {"pom.xml": PLAIN, "src/main/java/com/example/Library.java": source}
    made = built(sandbox, files, app="java")
    assert made.build["processes"] == {}
    assert "target/hello-1.0.jar has no Main-Class in its manifest" in made.output
