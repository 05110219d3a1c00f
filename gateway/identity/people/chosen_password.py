"""A password that somebody chooses, read from a body. Pure."""

from gateway.http.fields import BodyReader
from storage.passwords import problem_of


def chosen_password(reader: BodyReader, name: str, email: str) -> str:
    """The field `name`, refused where whoever has `email` may not choose it; "" where it was refused."""
    password = reader.password(name)
    problem = problem_of(password, email) if password else None
    if problem is not None:
        reader.refuse(name, problem.reason, problem.expected)
    return password or ""
