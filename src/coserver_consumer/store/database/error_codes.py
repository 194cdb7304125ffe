"""The error codes of the three databases, by what they are about.

Sources: PostgreSQL's appendix "Error Codes" (errcodes-appendix), whose first two characters are a
class; MariaDB's "Error Codes" and MySQL's "Server Error Message Reference" and "Client Error
Message Reference"; SQLite's "Result and Error Codes" (rescode.html).
"""

from __future__ import annotations

from coserver_consumer.store.database.family import Family

DRIVERS = {
    "psycopg": Family.POSTGRESQL,
    "psycopg2": Family.POSTGRESQL,
    "pymysql": Family.MYSQL,
    "MySQLdb": Family.MYSQL,
    "sqlite3": Family.SQLITE,
}

OUTAGE_POSTGRESQL = (
    "08",  # connection exception; PgBouncer's own errors too
    "25006",  # read_only_sql_transaction
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "28",  # invalid authorization: 28000, 28P01 invalid_password
    "3D000",  # invalid_catalog_name: the database isn't there while it is restored
    "40",  # transaction rollback: 40001 serialization_failure, 40P01 deadlock_detected
    "42501",  # insufficient_privilege
    "42P01",  # undefined_table: nor are the tables
    "53",  # insufficient resources: 53100 disk_full, 53200 out_of_memory, 53300 connections
    "55",  # object not in prerequisite state: 55P03 lock_not_available
    "57",  # operator intervention: 57014 query_canceled, 57P01 admin_shutdown, 57P03
    "58",  # system error: 58030 io_error
    "F0",  # configuration file error
    "XX",  # internal error, data or an index corrupted
)
TOO_MANY_PARAMETERS = "number of parameters must be between"  # libpq's word, which has no code
UNREACHABLE_POSTGRESQL = ("08", "57P")  # of these, what says that nobody is there
ROW_POSTGRESQL = (
    "22",  # data exception: too long, out of range, not JSON, not in the encoding
    "23",  # integrity constraint violation
    "54",  # program limit exceeded: a value too large for an index
)
TOO_SLOW = frozenset(
    {
        "57014",  # query_canceled, by statement_timeout
        1969,  # ER_STATEMENT_TIMEOUT of MariaDB
        3024,  # ER_QUERY_TIMEOUT of MySQL
        9,  # SQLITE_INTERRUPT
    }
)
TRANSIENT_POSTGRESQL = frozenset({"40001", "40P01"})
IN_THE_WAY = frozenset({"55P03", "23514"})  # lock_not_available, check_violation
LOCK_TIMEOUT = frozenset({"55P03", 1205, 3572})  # ER_LOCK_WAIT_TIMEOUT, ER_LOCK_NOWAIT

OUTAGE_MYSQL = frozenset(
    {
        0,  # the driver's: the connection is closed already
        1020,  # ER_CHECKREAD: changed since it was read
        1021,  # ER_DISK_FULL
        1024,  # ER_ERROR_ON_READ
        1026,  # ER_ERROR_ON_WRITE
        1030,  # ER_GET_ERRNO: the storage engine's; 28 is no space, 168 the tablespace
        1037,  # ER_OUTOFMEMORY
        1038,  # ER_OUT_OF_SORTMEMORY
        1040,  # ER_CON_COUNT_ERROR
        1041,  # ER_OUT_OF_RESOURCES
        1042,  # ER_BAD_HOST_ERROR
        1043,  # ER_HANDSHAKE_ERROR
        1044,  # ER_DBACCESS_DENIED_ERROR
        1045,  # ER_ACCESS_DENIED_ERROR
        1049,  # ER_BAD_DB_ERROR
        1053,  # ER_SERVER_SHUTDOWN
        1080,  # ER_FORCING_CLOSE
        1114,  # ER_RECORD_FILE_FULL
        1129,  # ER_HOST_IS_BLOCKED
        1130,  # ER_HOST_NOT_PRIVILEGED
        1135,  # ER_CANT_CREATE_THREAD
        1142,  # ER_TABLEACCESS_DENIED_ERROR
        1143,  # ER_COLUMNACCESS_DENIED_ERROR
        1146,  # ER_NO_SUCH_TABLE
        1152,  # ER_ABORTING_CONNECTION
        1158,  # ER_NET_READ_ERROR
        1159,  # ER_NET_READ_INTERRUPTED
        1160,  # ER_NET_ERROR_ON_WRITE
        1161,  # ER_NET_WRITE_INTERRUPTED
        1180,  # ER_ERROR_DURING_COMMIT
        1184,  # ER_NEW_ABORTING_CONNECTION
        1194,  # ER_CRASHED_ON_USAGE
        1203,  # ER_TOO_MANY_USER_CONNECTIONS
        1205,  # ER_LOCK_WAIT_TIMEOUT
        1206,  # ER_LOCK_TABLE_FULL
        1213,  # ER_LOCK_DEADLOCK
        1223,  # ER_CANT_UPDATE_WITH_READLOCK
        1226,  # ER_USER_LIMIT_REACHED
        1227,  # ER_SPECIFIC_ACCESS_DENIED_ERROR
        1290,  # ER_OPTION_PREVENTS_STATEMENT: --read-only
        1317,  # ER_QUERY_INTERRUPTED
        1698,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
        1792,  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
        1820,  # ER_MUST_CHANGE_PASSWORD
        1836,  # ER_READ_ONLY_MODE
        1862,  # ER_MUST_CHANGE_PASSWORD_LOGIN
        1927,  # ER_CONNECTION_KILLED
        1932,  # ER_NO_SUCH_TABLE_IN_ENGINE
        1969,  # ER_STATEMENT_TIMEOUT: MariaDB's max_statement_time
        2002,  # CR_CONNECTION_ERROR
        2003,  # CR_CONN_HOST_ERROR
        2006,  # CR_SERVER_GONE_ERROR
        2012,  # CR_SERVER_HANDSHAKE_ERR
        2013,  # CR_SERVER_LOST
        2014,  # CR_COMMANDS_OUT_OF_SYNC: an answer before was cut off
        2026,  # CR_SSL_CONNECTION_ERROR
        2027,  # CR_MALFORMED_PACKET
        2055,  # CR_SERVER_LOST_EXTENDED
        3024,  # ER_QUERY_TIMEOUT: MySQL's max_execution_time
        3032,  # ER_SERVER_OFFLINE_MODE
        3118,  # ER_ACCOUNT_HAS_BEEN_LOCKED, MySQL's
        3572,  # ER_LOCK_NOWAIT
        4031,  # ER_CLIENT_INTERACTION_TIMEOUT
        4151,  # ER_ACCOUNT_HAS_BEEN_LOCKED, MariaDB's
    }
)
NAMES_ONLY_MYSQL = frozenset(
    {
        1048,  # ER_BAD_NULL_ERROR
        1118,  # ER_TOO_BIG_ROWSIZE
        1153,  # ER_NET_PACKET_TOO_LARGE
        1264,  # ER_WARN_DATA_OUT_OF_RANGE
        1265,  # WARN_DATA_TRUNCATED
        1364,  # ER_NO_DEFAULT_FOR_FIELD
        1406,  # ER_DATA_TOO_LONG
        1451,  # ER_ROW_IS_REFERENCED_2
        1452,  # ER_NO_REFERENCED_ROW_2
        3819,  # ER_CHECK_CONSTRAINT_VIOLATED, MySQL's
        4025,  # ER_CONSTRAINT_FAILED, MariaDB's
    }
)
ROW_MYSQL = NAMES_ONLY_MYSQL | {
    1062,  # ER_DUP_ENTRY
    1267,  # ER_CANT_AGGREGATE_2COLLATIONS
    1292,  # ER_TRUNCATED_WRONG_VALUE
    1300,  # ER_INVALID_CHARACTER_STRING
    1366,  # ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
    1411,  # ER_WRONG_VALUE_FOR_TYPE
    1690,  # ER_DATA_OUT_OF_RANGE
    3140,  # ER_INVALID_JSON_TEXT
}
TRANSIENT_MYSQL = frozenset({1020, 1205, 1213})

PRIMARY = 0xFF  # the bits of SQLite's extended result codes that are the primary one
SQLITE_ERROR = 1  # a word for many things
SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CANTOPEN = 5, 6, 14
OUTAGE_SQLITE = frozenset(
    {
        3,  # SQLITE_PERM
        SQLITE_BUSY,
        SQLITE_LOCKED,
        7,  # SQLITE_NOMEM
        8,  # SQLITE_READONLY
        9,  # SQLITE_INTERRUPT
        10,  # SQLITE_IOERR
        11,  # SQLITE_CORRUPT
        13,  # SQLITE_FULL
        SQLITE_CANTOPEN,
        15,  # SQLITE_PROTOCOL: a race for the locks of the write-ahead log
        22,  # SQLITE_NOLFS: the file is as large as it may be here
        23,  # SQLITE_AUTH
        26,  # SQLITE_NOTADB
    }
)
ROW_SQLITE = frozenset(
    {
        18,  # SQLITE_TOOBIG
        19,  # SQLITE_CONSTRAINT
        20,  # SQLITE_MISMATCH
    }
)
# Of the outages of MariaDB, and at the end of SQLite, those in which nobody was reached.
UNREACHABLE = frozenset(
    {0, 1040, 1053, 1080, 2002, 2003, 2006, 2012, 2013, 2014, 2026, 2027, 2055, SQLITE_CANTOPEN}
)
TRANSIENT_SQLITE = frozenset({SQLITE_BUSY, SQLITE_LOCKED})
