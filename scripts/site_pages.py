"""Hooks of MkDocs: add the files at the top of the repository to the site, with links that fit their new place."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and the licence, which README links."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=in_site((ROOT / source).read_text(encoding="utf-8"))))
    files.append(File.generated(config, "LICENSE.txt", abs_src_path=str(ROOT / "LICENSE")))
    return files


def in_site(text: str) -> str:
    """A page of the repository's top folder, with its links as seen from `docs/`."""
    text = re.sub(r"\]\(docs/", "](", text)
    for source, target in (PAGES | {"LICENSE": "LICENSE.txt"}).items():
        text = text.replace(f"]({source})", f"]({target})")
    return text
