import pytest

from sweeps.redact import public, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no route to http://ann:pa%40ss@host:5000/api", "no route to http://***@host:5000/api"),
        ("postgresql+psycopg://u:p@h/db and redis://:x@h", "postgresql+psycopg://***@h/db and redis://***@h"),
        ("https://token@host/x", "https://***@host/x"),
        ("s3://bucket/a?token=abc&x=1", "s3://bucket/a?token=***&x=1"),
        ("header Authorization: Bearer abcdefghij.klm", "header Authorization: Bearer ***"),
        ("pad_token=[PAD] at a@b.org, see http://host/path", "pad_token=[PAD] at a@b.org, see http://host/path"),
        ("http://host/path?mail=a@b.org", "http://host/path?mail=a@b.org"),
    ],
)
def test_what_is_secret_in_a_text(text: str, shown: str) -> None:
    assert redact(text, {}) == shown


def test_secrets_of_the_environment_are_hidden_wherever_they_stand() -> None:
    environment = {"HF_TOKEN": "hf_verysecret", "WANDB_API_KEY": "0123456789abcdef", "HOME": "/home/someone"}
    assert redact("401 for hf_verysecret in /home/someone", environment) == "401 for *** in /home/someone"
    assert redact("0123456789abcdef!", environment) == "***!"


def test_short_or_ordinary_variables_are_not_taken_for_secrets() -> None:
    assert redact("linear false", {"SOME_TOKEN": "linear", "TOKENIZERS_PARALLELISM": "linear false"}) == "linear false"


def test_an_address_without_its_user() -> None:
    assert public("http://ann:secret@host:5000/x") == "http://host:5000/x"
    assert public("sqlite:////tmp/mlflow.db") == "sqlite:////tmp/mlflow.db"
