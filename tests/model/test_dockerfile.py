"""Which images a Dockerfile names."""

import pytest

from paas.errors import PaasError
from paas.model.dockerfile import declares, images_named


def test_bases_are_named_in_order_and_once():
    text = "FROM node:20 AS build\nRUN true\nFROM node:20\nFROM nginx\n"
    assert images_named(text, {}) == ["node:20", "nginx"]


def test_stages_are_no_images():
    text = (
        "FROM scratch AS Base\nFROM base AS next\nCOPY --from=Base /a /b\nCOPY --from=0 /a /b\n"
        "RUN --mount=type=bind,from=next,target=/x true\nCOPY --from=busybox:1 /bin/sh /sh\n"
        "RUN --mount=type=cache,target=/y --mount=from=tools,target=/z make\n"
    )
    assert images_named(text, {}) == ["busybox:1", "tools"]


def test_arguments_before_the_first_from_count_and_those_given_win():
    text = "ARG TAG=20 NAME=node\nARG SUFFIX\nFROM ${NAME}:$TAG${SUFFIX:+-}${SUFFIX}\n"
    assert images_named(text, {}) == ["node:20"]
    assert images_named(text, {"TAG": "22", "SUFFIX": "slim"}) == ["node:22-slim"]
    assert images_named("FROM ${X:-alpine}\n", {}) == ["alpine"]
    assert images_named("FROM a\nARG TAG=1\nFROM b:${TAG}x\n", {}) == ["a", "b:x"]


def test_platforms_comments_cases_and_continued_lines():
    text = (
        "# a comment\n\nfrom --platform=linux/amd64 \\\n  # in between\n\n  debian:13 \\\n as X\n"
        "Copy --from=x --chown=1:1 a b\n"
    )
    assert images_named(text, {}) == ["debian:13"]


def test_another_escape_character():
    text = "# escape=`\nFROM a`\n:1\nRUN echo \\\nFROM b\n"
    assert images_named(text, {}) == ["a:1", "b"]


def test_words_in_heredocs_are_no_instructions():
    text = (
        "FROM a\nRUN <<EOF\nFROM evil\nEOF\n"
        "COPY <<-'X' <<Y /dir/\nFROM evil\nX\nFROM evil2\nY\nFROM b\n"
    )
    assert images_named(text, {}) == ["a", "b"]


def test_a_byte_order_mark_and_windows_line_ends():
    assert images_named("\ufeffFROM a\r\nRUN x\r\nFROM b\r\n", {}) == ["a", "b"]


@pytest.mark.parametrize("text", ["", "RUN true\n", "# FROM x\n", "\n\n"])
def test_without_from_there_is_nothing_to_build_upon(text: str):
    with pytest.raises(PaasError, match="FROM"):
        images_named(text, {})


def test_too_many_images_are_refused():
    with pytest.raises(PaasError, match="100"):
        images_named("".join(f"FROM a{n}\n" for n in range(200)), {})


def test_what_it_declares():
    text = "FROM a\nARG ONE\nARG TWO=2 THREE\n"
    assert [declares(text, name) for name in ("ONE", "TWO", "THREE", "FOUR")] == [
        True,
        True,
        True,
        False,
    ]
