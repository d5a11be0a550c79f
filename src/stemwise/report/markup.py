"""The pages' HTML: a document with its style inside, and what it is built of."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from stemwise.report.tables import DASH, Table


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page that fetches nothing."""
    style = files("stemwise.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{''.join(parts)}</body>\n</html>\n"
    )


def facts(title: str, values: Mapping[str, Any]) -> str:
    """Return named facts under a title."""
    rows = "".join(
        f"<tr><td>{text(key)}</td><td>{text(plain(value))}</td></tr>\n" for key, value in values.items()
    )
    return f"<div><h3>{text(title)}</h3>\n<table>\n{rows}</table></div>\n"


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested facts under joined names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def plain(value: Any) -> str:
    """Return a JSON value as a person would write it."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)


def section(title: str, parts: Iterable[str]) -> str:
    """Return a section under its title."""
    return f"<section>\n<h2>{text(title)}</h2>\n{''.join(parts)}</section>\n"


def table(cells: Table) -> str:
    """Return a table that may be wider than the page."""
    header = "".join(_cell("th", title, index < cells.words) for index, title in enumerate(cells.header))
    rows = (
        "<tr>" + "".join(_cell("td", cell, index < cells.words) for index, cell in enumerate(row)) + "</tr>"
        for row in cells.rows
    )
    body = "\n".join([f"<thead><tr>{header}</tr></thead>\n<tbody>", *rows, "</tbody>"])
    return f'<div class="wide"><table>\n{body}\n</table></div>\n'


def _cell(tag: str, content: str, word: bool) -> str:
    if word:
        return f'<{tag} class="word">{text(content)}</{tag}>'
    colour = {"yes": " yes", "no": " no"}.get(content, "")
    minus = content.replace("-", "\N{MINUS SIGN}") if tag == "td" else content
    return f'<{tag} class="number{colour}">{text(minus)}</{tag}>'


def counts(title: str, names: Sequence[str], rows: Mapping[str, Sequence[int]]) -> str:
    """Return counts under a title, with a bar of each row's sum.

    Args:
        title: above the table.
        names: of the columns.
        rows: name → one count per column.
    """
    most = max((sum(row) for row in rows.values()), default=0)
    body = (f"{_numbers(row)}<td>{bar(sum(row) / max(most, 1))}</td>" for row in rows.values())
    return _titled(title, [*names, ""], dict(zip(rows, body, strict=True)))


def heat(title: str, names: Sequence[str], rows: Mapping[str, Sequence[int]]) -> str:
    """Return a cross table under a title, each cell as dark as its share of its row.

    Args:
        title: above the table.
        names: of the columns.
        rows: name → one count per column.
    """
    body = {
        name: "".join(
            f'<td class="heat" style="--share:{100 * value / max(sum(row), 1):.0f}%">{value or "·"}</td>'
            for value in row
        )
        for name, row in rows.items()
    }
    return _titled(title, names, body)


def bar(share: float) -> str:
    """Return a bar that fills a share of its place."""
    return f'<span class="bar"><span style="width:{100 * min(max(share, 0), 1):.1f}%"></span></span>'


def _numbers(row: Sequence[int]) -> str:
    return "".join(f'<td class="number">{value or "·"}</td>' for value in row)


def _titled(title: str, names: Sequence[str], rows: Mapping[str, str]) -> str:
    heading = f"<h3>{text(title)}</h3>\n" if title else ""
    header = "".join(f'<th class="number">{text(name)}</th>' for name in names)
    body = "\n".join(f"<tr><td>{text(name)}</td>{cells}</tr>" for name, cells in rows.items())
    return (
        f'<div>{heading}<div class="wide"><table>\n<thead><tr><th></th>{header}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div></div>\n"
    )


def columns(parts: Iterable[str]) -> str:
    """Return tables of counts side by side, as many as there is room for."""
    return f'<div class="columns counts">\n{"".join(parts)}</div>\n'


def folded(title: str, parts: Iterable[str]) -> str:
    """Return what is only shown when it is asked for."""
    return f"<details>\n<summary>{text(title)}</summary>\n{''.join(parts)}</details>\n"


def figure(svg: str) -> str:
    """Return a plot in its place."""
    return f"<figure>\n{svg}</figure>\n"


def note(words: str) -> str:
    """Return small print."""
    return f'<p class="note">{text(words)}</p>\n'


def text(value: Any) -> str:
    """Return anything as escaped text."""
    return html.escape(str(value))
