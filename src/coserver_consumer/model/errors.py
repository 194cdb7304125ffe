"""Every error that coserver raises on purpose.

CoserverError
├── ConfigurationError      a setting is missing or wrong
├── StoreError
│   ├── SchemaError         the tables are missing or of another version
│   ├── ClientClosed        a client is asked for something after its close()
│   ├── TooSlow             an answer would take longer than who asks wants to wait
│   └── StoreUnavailable    the database can't be reached, or refuses what it is asked now
├── AddError                a job can't be queued
│   ├── UnknownQueue
│   ├── NotAllowed          who asks may not have that job run again
│   ├── CrossSiteRequest    another site may have sent the request, with a visitor's rights
│   └── InvalidJob          arguments that aren't JSON, a payload over the limit, ...
├── UnknownLimit
├── InvalidKey              a key can't be made like this, or isn't one
├── UnknownKey
├── JobNotFound
├── AmbiguousId             several jobs have ids that begin or end like this
├── WrongState              a job can't be retried or cancelled as it stands now, a key not added
├── NotCommitted            the current transaction would have to be committed before
├── NoResult                a job has no result that could be returned
│   ├── NotDone             it hasn't ended yet
│   └── DidNotComplete      it failed, expired, or was cancelled
├── ObjectGone              an object that a job was queued with isn't there any more
├── TaskError
│   ├── UnknownTask
│   └── InvalidTask         a plugin that doesn't keep the contract
├── ZopeUnavailable         Zope doesn't answer a question of the command line
├── StartAgain              Zope can't start in this process, but may in another
├── EvidenceUnavailable     nobody can say now whether a transaction committed
└── Unsigned                a signature or token is missing, wrong or out of date
"""


class CoserverError(Exception):
    """The root of all errors raised on purpose; its text says what, which, and what to do."""


class ConfigurationError(CoserverError):
    """A setting is missing or wrong; the text names its key."""


class StoreError(CoserverError):
    """The store can't be used as it is."""


class SchemaError(StoreError):
    """The tables are missing or of another version; the text names the command that mends it."""


class ClientClosed(StoreError):
    """A client was closed, and with it the connections that it opened; make another one."""


class TooSlow(StoreError):
    """The database would need longer for an answer than who asks wants to wait; narrow it."""


class StoreUnavailable(StoreError):
    """The database can't be reached, or refuses what it is asked now; waiting helps."""


class AddError(CoserverError):
    """A job can't be queued."""


class UnknownQueue(AddError):
    """No queue of that name is known; the text lists those that are."""


class NotAllowed(AddError):
    """Who asks couldn't have queued the job, and so may not have it run again."""


class CrossSiteRequest(AddError):
    """Another site may have made a visitor's browser send the request that queues it."""


class InvalidJob(AddError):
    """The job itself is wrong: its arguments, its payload, a number out of range."""


class UnknownLimit(CoserverError):
    """No limit has that name."""


class InvalidKey(CoserverError):
    """A key can't be made like this, or what was given isn't one."""


class UnknownKey(CoserverError):
    """No key that is valid has that name or id; the text lists those that are."""


class JobNotFound(CoserverError):
    """No job has that id, neither live nor in the history."""


class AmbiguousId(CoserverError):
    """Several jobs have ids that begin or end with what was said; the text lists them."""


class WrongState(CoserverError):
    """The job can't be changed that way in the state it is in, or a key can't be added now."""


class NotCommitted(CoserverError):
    """The current transaction would have to be committed before; waiting doesn't help."""


class NoResult(CoserverError):
    """A job has no result that could be returned; the text says why."""


class NotDone(NoResult):
    """The job hasn't ended yet."""


class DidNotComplete(NoResult):
    """The job ended without doing its work; the text has its state and its error."""


class ObjectGone(CoserverError):
    """An object that a job was queued with isn't there any more."""


class TaskError(CoserverError):
    """Something is wrong with a task."""


class UnknownTask(TaskError):
    """No task has that name; the text lists those that are known."""


class InvalidTask(TaskError):
    """A plugin doesn't keep the contract of a task; the text names the plugin and the fault."""


class ZopeUnavailable(CoserverError):
    """Zope doesn't answer now, or doesn't know this secret."""


class StartAgain(CoserverError):
    """Zope couldn't start for a reason that passes; another process is to try it."""


class EvidenceUnavailable(CoserverError):
    """Zope can't be asked now what became of a transaction; it will be asked again."""


class Unsigned(CoserverError):
    """A signature or a token is missing, wrong or out of date."""
