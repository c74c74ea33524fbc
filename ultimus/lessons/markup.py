"""Markdown of lessons as HTML: words alone, since anybody may have written them.

A link to `term:NAME` is a word of the glossary: a button, which shows what the word means
(explorer/terms.js).
"""

from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ..glossary import term

_TERM = "term:"


class _Renderer(RendererHTML):
    def link_open(self, tokens: list[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A link opens a page of its own, which learns nothing of this one; a term is none."""
        address = unquote(str(tokens[idx].attrGet("href")))
        if address.startswith(_TERM):
            return _as_term(tokens, idx, term(address.removeprefix(_TERM)))
        tokens[idx].attrSet("target", "_blank")
        tokens[idx].attrSet("rel", "noopener noreferrer")
        return self.renderToken(tokens, idx, options, env)


def _as_term(tokens: list[Token], idx: int, meaning: str) -> str:
    """Open a button where a link opens, and let it be closed where the link is."""
    closing = next(token for token in tokens[idx:] if token.type == "link_close")
    closing.tag = "button"
    return (
        f'<button type="button" class="term" aria-expanded="false" title="{escapeHtml(meaning)}">'
    )


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    reader.disable(["image", "html_inline", "html_block"])  # nothing is fetched
    reader.validateLink = lambda address: address.startswith(("https://", "http://", _TERM))
    return reader


_READER = _reader()


def terms(text: str) -> list[str]:
    """The words of the glossary that a text explains."""
    links = addresses(text)
    return [link.removeprefix(_TERM) for link in links if link.startswith(_TERM)]


def addresses(text: str) -> list[str]:
    """Where the links of a text lead."""
    parts = (part for block in _READER.parse(text) for part in block.children or ())
    return [unquote(str(part.attrGet("href"))) for part in parts if part.type == "link_open"]


def html(text: str) -> str:
    """Paragraphs, lists, emphasis, code and links of the web; all else stands as it is written."""
    return _READER.render(text)


def inline(text: str) -> str:
    """The same for a text on one line."""
    return _READER.renderInline(text)
