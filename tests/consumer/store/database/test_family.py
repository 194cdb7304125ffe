"""The families of databases."""

import pytest

from coserver_consumer import store
from coserver_consumer.errors import ConfigurationError
from coserver_consumer.store.database.family import Family, name_family


def test_mariadb_and_mysql_are_one_family():
    """They are spoken to alike, whichever of the two an address names."""
    assert name_family("mariadb") is name_family("mysql") is Family.MYSQL


def test_a_database_that_is_not_supported_is_refused_by_name():
    """Its password isn't shown."""
    with pytest.raises(ConfigurationError, match="not in mssql") as refused:
        store.open_engine("mssql+pyodbc://queue:hunter2@db/queue")
    assert "hunter2" not in str(refused.value)
