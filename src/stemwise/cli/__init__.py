"""The command line: finds the verb, lets tyro read its arguments, turns errors into one line and exit code 2.

Only this package parses arguments and prints. Everything heavy is imported inside the verbs, so that
`--help` answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from stemwise import __version__
from stemwise.cli import (
    caching,
    data,
    datasets,
    evaluating,
    experiments,
    extracting,
    listening,
    probing,
    separating,
    training,
    weights,
)

VERBS: dict[str, Callable[..., int | None]] = {
    "separate": separating.separate,
    "remix": separating.remix,
    "tag": listening.tag,
    "embed": listening.embed,
    "demo": experiments.demo,
    "train": training.train,
    "evaluate": evaluating.evaluate,
    "probe": probing.probe,
    "models": experiments.models,
    "recipes": training.recipes,
    "data render": data.render,
    "data info": datasets.info,
    "data verify": datasets.verify,
    "data twin": datasets.twin,
    "data download": datasets.download,
    "data stems": extracting.stems,
    "data prepare": caching.prepare,
    "data card": data.card,
    "data audit": data.audit,
    "weights import": weights.import_checkpoint,
}

GROUPS = {verb.split()[0] for verb in VERBS if " " in verb}
"""First words of the verbs of two words."""

HEAD = """stemwise: takes music apart, and uses what it learned to understand it

  stemwise demo                       train a separator and a tagger here, with a report; ten minutes
  stemwise separate song.mp3 -o out   drums, bass, other and vocals of a song
  stemwise remix song.mp3 --vocals mute -o karaoke.wav
  stemwise tag song.mp3               what a song sounds like
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0 for success, 1 for findings, 2 for bad input, 130 when interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    warnings.filterwarnings("ignore", category=UserWarning, module="lightning_fabric")
    try:
        return _dispatch(words)
    except SystemExit as stop:  # tyro has said what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stemwise: stopped; the same command goes on where it can", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"stemwise: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(f"stemwise {__version__}")
        return 0
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in VERBS:
            return _run(name, words[count:])
    if words[0] in GROUPS and (len(words) == 1 or words[1] in ("-h", "--help")):
        print(_listing([verb for verb in VERBS if verb.startswith(f"{words[0]} ")]))
        return 0
    wanted = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    near = get_close_matches(wanted, VERBS, n=1)
    hint = f"did you mean `stemwise {near[0]}`?" if near else "see `stemwise --help`"
    raise ValueError(f"no verb {wanted!r}; {hint}")


def _run(name: str, arguments: list[str]) -> int:
    if name == "train":  # its arguments are those of the recipe
        return training.train(arguments)
    import tyro

    verb = VERBS[name]
    description = (verb.__doc__ or "").split("    Args:")[0]
    return tyro.cli(verb, prog=f"stemwise {name}", args=arguments, description=_plain(description)) or 0


def _plain(docstring: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in docstring.strip().splitlines())


def _overview() -> str:
    return f"{HEAD}\nVerbs (each with --help):\n{_listing(list(VERBS))}"


def _listing(verbs: list[str]) -> str:
    lines = [(verb, (VERBS[verb].__doc__ or "").strip().splitlines()[0]) for verb in verbs]
    return "\n".join(f"  {verb:<16}{summary}" for verb, summary in lines)
