"""Markdown of lessons as HTML: words alone, since anybody may have written them."""

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict


class _Renderer(RendererHTML):
    def link_open(self, tokens: list[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A link opens a page of its own, which learns nothing of this one."""
        tokens[idx].attrSet("target", "_blank")
        tokens[idx].attrSet("rel", "noopener noreferrer")
        return self.renderToken(tokens, idx, options, env)


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    reader.disable(["image", "html_inline", "html_block"])  # nothing is fetched
    reader.validateLink = lambda address: address.startswith(("https://", "http://"))
    return reader


_READER = _reader()


def html(text: str) -> str:
    """Paragraphs, lists, emphasis, code and links of the web; all else stands as it is written."""
    return _READER.render(text)


def inline(text: str) -> str:
    """The same for a text on one line."""
    return _READER.renderInline(text)
