"""Lists in pages that stand still: those that the contract does not page, whole unless a page is asked for; and newest first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from storage.models.read_models import Cursor

MOST_ITEMS: Final = 500
USUAL_ITEMS: Final = 50
Item = TypeVar("Item")
_SEPARATOR: Final = ":"


class PageAsked(NamedTuple):
    """What of a list is asked for: `size` items behind the one that `token` names; neither: all of it."""

    size: int | None
    token: str | None


def page_asked(reader: QueryReader) -> PageAsked:
    """The page that a query asks for."""
    size = reader.whole("page_size", 1, MOST_ITEMS, USUAL_ITEMS)
    token = reader.text("page_token")
    return PageAsked(None if token is None and "page_size" not in reader.query else size, token)


def page_of(
    items: Sequence[Item],
    asked: PageAsked,
    place: Callable[[Item], str],
    tokens: PageTokens,
    about: tuple[str, Mapping[str, str | None]],
) -> tuple[Sequence[Item], str | None]:
    """The items of a page and the token of the next. `items` are sorted by `place`; `about` is the list and its filters.

    Raises `page_token.not_found`.
    """
    if asked.token is not None:
        last = tokens.open(*about, asked.token)
        items = [item for item in items if place(item) > last]
    if asked.size is None or len(items) <= asked.size:
        return items, None
    page = items[: asked.size]
    return page, tokens.make(*about, place(page[-1]))


class NewestFirst:
    """One page of the list `name` under its filters: at most 500 items, also where no size is asked for."""

    def __init__(self, name: str, filters: Mapping[str, str | None], asked: PageAsked, tokens: PageTokens) -> None:
        self._about, self._tokens = (name, filters), tokens
        self._token = asked.token
        self.size = asked.size or MOST_ITEMS

    @property
    def after(self) -> Cursor | None:
        """Behind which item the page begins. Raises `page_token.not_found`."""
        if self._token is None:
            return None
        at, _, identity = self._tokens.open(*self._about, self._token).partition(_SEPARATOR)
        return Cursor(int(at), identity)

    def cut(self, found: Sequence[Item], cursor_of: Callable[[Item], Cursor]) -> tuple[Sequence[Item], str | None]:
        """The items of the page and the token of the next one; `found` has one more than the page where there is one."""
        if len(found) <= self.size:
            return found, None
        page = found[: self.size]
        last = cursor_of(page[-1])
        return page, self._tokens.make(*self._about, f"{last.at}{_SEPARATOR}{last.identity}")
