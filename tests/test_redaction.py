import pytest

from selectdis._redaction import redacted, redacted_text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:word@db.lab:5432/studies", "postgresql://me@db.lab:5432/studies"),
        ("postgresql+psycopg2://me:word@db.lab/studies", "postgresql+psycopg2://me@db.lab/studies"),
        ("postgresql://me:wo@r/d:@db.lab/studies", "postgresql://me@db.lab/studies"),
        ("postgresql://me:wo://rd@db.lab/studies", "postgresql://me@db.lab/studies"),
        ("postgresql://me:wo rd@db.lab/studies", "postgresql://me@db.lab/studies"),
        ("postgresql://:word@db.lab", "postgresql://@db.lab"),
        ("https://me:word@[::1]:5000/x", "https://me@[::1]:5000/x"),
        ("postgresql://db.lab/s?password=word", "postgresql://db.lab/s"),
        ("postgresql://db.lab:1/s?password=wo@rd&sslmode=require", "postgresql://db.lab:1/s?sslmode=require"),
        ("postgresql://db.lab/s?user=me&PASSWORD=word&a=1", "postgresql://db.lab/s?user=me&a=1"),
        ("https://mlflow.lab/?user=me&api_key=word#/x", "https://mlflow.lab/?user=me&#/x"),
        ("postgresql://me:wo?password=rd@db.lab", "postgresql://me"),
        ("me:word@db.lab/studies", "me@db.lab/studies"),  # whoever forgets the scheme has a password all the same
        ("host=db.lab user=me password=word", "host=db.lab user=me "),
    ],
)
def test_passwords_are_left_out(url, shown):
    assert redacted(url) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:5000", "http://[::1]:5000/#/x", "https://me@mlflow.lab:5000/a", "localhost:5000", "runs"),
        *("sqlite:////a/b.db", "sqlite:///C:/x.db", "/a:b/c", "postgresql://db.lab:5432/s?sslmode=require", ""),
    ],
)
def test_what_holds_none_stays_as_it_is(url):
    assert redacted(url) == url


def test_texts_lose_the_passwords_of_all_their_urls():
    text = "no 'http://me:wo@rd@a.lab:1/x', nor (postgresql://b.lab/s?password=word), but me@c.lab: fine"
    assert redacted_text(text) == "no 'http://me@a.lab:1/x', nor (postgresql://b.lab/s but me@c.lab: fine"
    assert redacted_text("at http://a.lab:5000, or 'http://b.lab:80'.") == "at http://a.lab:5000, or 'http://b.lab:80'."
