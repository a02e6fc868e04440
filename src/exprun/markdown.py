"""Markdown pages with parts that programs write: tables of keys, of causes and of measurements."""


def replace_between(page: str, mark: str, text: str) -> str:
    """The page with a new part between the comments `<!-- mark -->` and `<!-- /mark -->`.

    Args:
        page: the page, in Markdown.
        mark: the name in both comments.
        text: the new part, in Markdown; one empty line is put before it and one after it.

    Raises:
        ValueError: the page does not have both comments, in this order.
    """
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, started, rest = page.partition(start)
    _, ended, after = rest.partition(end)
    if not (started and ended):
        raise ValueError(f"The page has no part between {start} and {end}.")
    return f"{before}{start}\n\n{text.strip()}\n\n{end}{after}"
