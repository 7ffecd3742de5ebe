"""`manage.py roles`: the five database roles, made or printed."""

from __future__ import annotations

import argparse
import os
from urllib.parse import unquote, urlsplit

import psycopg

from config.commands.installation import DATABASE, database_variables
from config.roles import PREFIX, ROLES, create_roles, roles_sql


def run(arguments: list[str]) -> int:
    options = argparse.ArgumentParser("manage.py roles", description=__doc__)
    options.add_argument(
        "url",
        nargs="?",
        default=os.environ.get("DATABASE_ADMIN_URL", ""),
        help="of a role with CREATEROLE; default: DATABASE_ADMIN_URL",
    )
    options.add_argument("--print", action="store_true", help="print the SQL, change nothing")
    options.add_argument("--database", default="", help="default: the one in the URL")
    options.add_argument("--prefix", default=os.environ.get("DATABASE_ROLE_PREFIX", PREFIX))
    chosen = options.parse_args(arguments)
    database = chosen.database or unquote(urlsplit(chosen.url).path.lstrip("/")) or DATABASE
    given = given_passwords()
    if chosen.print:
        print(roles_sql(database, passwords=given, prefix=chosen.prefix), end="")
        return 0
    if not chosen.url:
        options.error("give the URL of a role with CREATEROLE, or set DATABASE_ADMIN_URL")
    try:
        urls = create_roles(chosen.url, database, passwords=given, prefix=chosen.prefix)
    except psycopg.Error as error:
        options.error(str(error).strip())
    new = {role: url for role, url in urls.items() if role not in given}
    for name, url in database_variables(new).items():
        print(f"{name}={url}")
    print(f"# {len(urls)} roles in {database}, {len(new)} with a new password")
    return 0


def given_passwords() -> dict[str, str]:
    """The passwords in the environment's URLs; a role without one gets a new one."""
    variables = database_variables({role: role for role in ROLES})
    urls = {role: urlsplit(os.environ.get(name, "")) for name, role in variables.items()}
    return {role: unquote(url.password) for role, url in urls.items() if url.password}
