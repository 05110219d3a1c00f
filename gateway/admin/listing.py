"""Pages of people, newest first: at most 500 at once, also where no page is asked for, since people only get more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from gateway.account.listing import MOST_ITEMS, PageAsked
from gateway.http.page_tokens import PageTokens
from storage.models.read_models import Cursor

Item = TypeVar("Item")
_SEPARATOR: Final = ":"


class NewestFirst:
    """One page of the list `name` under its filters."""

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
