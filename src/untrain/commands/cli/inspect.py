"""argv to the understanding of data."""

from __future__ import annotations

import typer

from untrain.commands import inspect as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json, width
from untrain.core.escapes import printable

CLASSES = 20  # shown


def _show(document: Document, arguments: Arguments) -> None:
    """Print a table of the columns, and lines on classes, ids, twins, odd rows, problems and guesses."""
    if arguments["as_json"]:
        show_json(document)
        return
    inputs = document["inputs"]
    shape = "" if not inputs["shape"] else f" {'x'.join(map(str, inputs['shape']))}"
    typer.echo(f"{document['source']}: {document['kind']}, {document['rows']:,} rows; inputs: {inputs['kind'] or 'none'}{shape}")
    _columns(document)
    for line in (*_classes(document), *_ids(document), *_twins(document)):
        typer.echo(printable(line))
    for each in document["odd"]:
        typer.echo(printable(f"odd: {each['rows']:,} rows with {each['what']}, such as {_some(each['such_as'])}"))
    for title, key in (("guess", "guessed"), ("note", "notes"), ("problem", "problems")):
        for line in document[key]:
            typer.echo(printable(f"{title}: {line}"))


def _columns(document: Document) -> None:
    # Imported here, so that a ``--help`` does without.
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("column", "holds", "role", "empty"):
        table.add_column(heading)
    for each in document["columns"]:
        table.add_row(
            *(printable(str(each[name])) for name in ("name", "type", "role")), f"{each['empty']:,}" if each["empty"] else ""
        )
    Console(highlight=False, markup=False, emoji=False, width=width(), no_color=True).print(table)


def _classes(document: Document) -> list[str]:
    classes = document["classes"]
    if not classes:
        return []
    shown = ", ".join(f"{each['number']} {each['name']} ({each['rows']:,})" for each in classes[:CLASSES])
    more = f", and {len(classes) - CLASSES} more" if len(classes) > CLASSES else ""
    return [f"classes: {len(classes)}: {shown}{more}; {document['numbering']}"]


def _ids(document: Document) -> list[str]:
    ids, owners = document["ids"], document["owners"]
    name = f"column {ids['column']!r}, " if ids["column"] else ""
    repeated = f"; {ids['repeated']:,} stand for several rows" if ids["repeated"] else "; none is repeated"
    such = f", such as {_some(ids['such_as'][:1])}" if ids["column"] and ids["such_as"] else ""
    lines = [f"ids: {name}{ids['distinct']:,} different, {ids['form']}{such}{repeated}"]
    return lines + ([f"owners: column {owners['column']!r}, {owners['distinct']:,} different"] if owners["column"] else [])


def _twins(document: Document) -> list[str]:
    twins = document["twins"]
    such = f", such as {_some(twins['such_as'][0])}" if twins["such_as"] else ""
    torn = f"; {twins['other_label']:,} of them have another label than their twin" if twins["other_label"] else ""
    near = (
        twins["near_means"] if twins["near"] is None else f"{twins['near']:,} more rows are near-duplicates ({twins['near_means']})"
    )
    return [f"twins: {twins['rows']:,} rows have the same inputs as another row{such}{torn}; {near}"]


def _some(ids: list[object]) -> str:
    return ", ".join(map(str, ids))


inspect = command(api.inspect, _show)
