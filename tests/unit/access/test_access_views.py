"""What views and fields of applications do with what is odd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.views import AccessViews
from gateway.admin.application_fields import policy_of
from gateway.http.fields import MOST_TEXTS, BodyReader
from ops.runtime.errors import CATALOGUE, HubError
from ops.runtime.languages import LANGUAGES, load_languages
from storage.models.applications import ProvisionPolicy
from tests.unit.access.test_application_rules import application

VIEWS = AccessViews(load_languages())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_that_no_catalogue_has_any_more_is_told_in_english(language):
    shown = VIEWS.application(application(failure_code="area.gone", failure_message="It was so."), [], language)
    assert shown["failure"] == {"code": "area.gone", "message": "It was so."}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_can_be_a_reason_without_details(code):
    shown = VIEWS.application(application(failure_code=code), [], "ja-JP")
    assert shown["failure"]["message"]


@given(st.lists(st.one_of(st.text(), st.integers(), st.none()), max_size=5))
def test_lists_of_texts_are_taken_whole_or_named(sent):
    reader = BodyReader({"names": sent})
    found = reader.texts("names")
    if reader.problems:
        assert found == []
        assert [one["name"] for one in reader.problems] == ["names"]
    else:
        assert found == list(dict.fromkeys(sent))
        assert 1 <= len(sent) <= MOST_TEXTS


@pytest.mark.parametrize("written", ["", "two\nlines\tand a tab\r\n", "x" * 2000])
def test_prose_has_lines(written):
    reader = BodyReader({"notes": written})
    assert reader.prose("notes") == written
    reader.finish()


@pytest.mark.parametrize("written", ["\x00", "\x1b[31m", "\x7f", "\x85", "x" * 2001, None, 5])
def test_prose_is_nothing_else(written):
    reader = BodyReader({"notes": written})
    assert reader.prose("notes") is None
    with pytest.raises(HubError):
        reader.finish()


def test_a_policy_that_is_not_said_is_as_usual():
    assert policy_of(BodyReader({})) == policy_of(BodyReader({"provision_policy": {}})) == ProvisionPolicy()
    said = policy_of(BodyReader({"provision_policy": {"auto_bind": False, "priority_exchanges": ["B", "A", "B"]}}))
    assert said == ProvisionPolicy(auto_bind=False, priority_exchanges=("B", "A"))
