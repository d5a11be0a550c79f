"""Commands that the documentation names are commands that exist, with these options, and so are its tests."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from stemwise.cli import VERBS, main
from stemwise.recipes import RECIPES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = ROOT / "docs" / "commands.md"


def commands(page: Path) -> list[str]:
    """Every command line of a page: in code blocks, whole ones, and between backquotes."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    lines = [line.split("#")[0].strip() for line in blocks.splitlines()]
    inline = re.findall(r"`(stemwise [^`]+)`", text)
    return [line for line in (*lines, *inline) if line.startswith("stemwise ")]


@cache
def options(verb: str) -> str:
    """The help of a verb, as it is printed."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*verb.split(), "--help"]) == 0
    return out.getvalue()


def verb_of(words: list[str]) -> str | None:
    """The verb that some words begin with, and the recipe behind `train`."""
    for count in (2, 1):
        verb = " ".join(words[:count])
        if verb in VERBS:
            trains = verb == "train" and words[1:2] and words[1] in RECIPES
            return f"train {words[1]}" if trains else verb
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_exist(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command.replace("…", ""))[1:]
        if words[0].startswith("-") or words[0].isupper():
            continue
        verb = verb_of(words)
        assert verb or any(name.startswith(f"{words[0]} ") for name in VERBS), f"{page.name}: {command}"
        for word in words:
            if verb and word.startswith("--") and word not in ("--help", "--config"):
                known = re.findall(r"--[\w-]+", options(verb))
                assert word.split("=")[0] in known, f"{page.name}: {command}: no {word}"


def test_tests_that_the_commands_name_exist() -> None:
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", COMMANDS.read_text())
    assert len(named) > 10
    for file, function in named:
        (path,) = (ROOT / "tests").rglob(file)
        assert not function or f"def {function}(" in path.read_text(), f"{file} has no {function}"
