"""E-mail addresses in the one form in which they are compared, kept and shown."""

from email_validator import EmailNotValidError, validate_email


def normalised(text: str) -> str:
    """The address in Unicode normal form, both parts in lower case. No name server is asked.

    Raises `ValueError` saying what is wrong with `text` as an e-mail address.
    """
    try:
        address = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return address.normalized.lower()
