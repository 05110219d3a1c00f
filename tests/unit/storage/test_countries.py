"""Countries by their names and codes, and by the addresses in them."""

from pathlib import Path

import pycountry
import pytest
from babel import Locale
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from storage.address_countries import open_address_countries
from storage.countries import Countries, load_countries


@pytest.fixture(scope="module")
def countries() -> Countries:
    return load_countries()


def test_every_country_is_known_by_both_codes_and_three_names(countries: Countries) -> None:
    for country in pycountry.countries:
        names = [Locale(language).territories[country.alpha_2] for language in ("en", "zh", "ja")]
        for text in (country.alpha_2, country.alpha_3.lower(), country.name, *names):
            assert countries.code_of(text) == country.alpha_2, text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("uk", "GB"),
        ("香港", "HK"),
        ("中国香港特别行政区", "HK"),
        (" cote d'ivoire ", "CI"),
        ("Côte d’Ivoire", "CI"),
        ("United States of America", "US"),
        ("ＪＰ", "JP"),
        ("XK", "XK"),
        ("Kosovo", "XK"),
        ("Korea, Republic of", "KR"),
        ("North Korea", "KP"),
        ("ドイツ", "DE"),
        ("", None),
        ("-", None),
        ("EU", None),
        ("SU", None),
        ("Atlantis", None),
        ("ト", None),
    ],
)
def test_what_people_write(countries: Countries, text: str, code: str | None) -> None:
    assert countries.code_of(text) == code


def database(folder: Path, version: int, record: object) -> Path:
    writer = MMDBWriter(version, "test", ipv4_compatible=version == 6)
    writer.insert_network(IPSet(["203.0.113.0/24"]), record)
    path = folder / "countries.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("record", [{"country_code": "jp"}, {"country": {"iso_code": "JP"}}])
def test_both_forms_of_records_and_of_files_are_read(tmp_path: Path, version: int, record: object) -> None:
    addresses = open_address_countries(database(tmp_path, version, record))
    assert addresses.code_of("203.0.113.9") == "JP"
    assert addresses.code_of("::ffff:203.0.113.9") == "JP"
    assert addresses.code_of("198.51.100.1") is None
    assert addresses.code_of("2001:db8::1") is None
    assert addresses.described().startswith("test, ")
    addresses.close()


@pytest.mark.parametrize("record", [{"country": "JP"}, {"continent": {"code": "AS"}}, {"country_code": ""}, "JP"])
def test_a_record_without_a_country_says_nothing(tmp_path: Path, record: object) -> None:
    assert open_address_countries(database(tmp_path, 4, record)).code_of("203.0.113.9") is None


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.mmdb"
    with pytest.raises(ValueError, match=r"text\.mmdb cannot be used"):
        open_address_countries(path)
    path.write_text("country_code,US")
    with pytest.raises(ValueError, match=r"text\.mmdb cannot be used"):
        open_address_countries(path)
