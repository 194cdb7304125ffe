"""Content that a job is about is renamed, moved, replaced, deleted or made late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import lxml.html
import pytest
import transaction
from OFS.Folder import Folder
from plone import api
from plone.app.redirector.interfaces import IRedirectionStorage
from plone.app.testing import TEST_USER_ID, logout, setRoles
from plone.dexterity.utils import addContentToContainer, createContent
from plone.namedfile.file import NamedBlobFile
from plone.uuid.interfaces import ATTRIBUTE_NAME
from Products.CMFPlone.factory import addPloneSite
from zope.component import getGlobalSiteManager, getUtility
from zope.component.hooks import getSite, setSite
from zope.lifecycleevent.interfaces import IObjectAddedEvent, IObjectCreatedEvent

from collective.coserver import queue
from collective.coserver.testing.consumer import InProcessConsumer
from coserver_consumer.errors import InvalidJob
from coserver_consumer.model.job import Job, State
from coserver_consumer.protocol import signing
from tests.plone import functions
from tests.plone.instance import Instance

COMPLETED, FAILED = State.COMPLETED, State.FAILED


@pytest.fixture
def site(functional: Any, _views: None) -> Any:
    """The site, with a manager logged in."""
    setRoles(functional["portal"], TEST_USER_ID, ["Manager"])
    transaction.commit()
    return functional["portal"]


@pytest.fixture
def page(site: Any) -> Any:
    """A page of the site."""
    made = api.content.create(site, "Document", "page", title="A page")
    transaction.commit()
    return made


def by_object(target: Any) -> str:
    """Queue the view of an object."""
    return queue.add(target, view="@@test-write?title=written")


def by_path(target: Any) -> str:
    """Queue the path of a view."""
    return queue.add(f"{'/'.join(target.getPhysicalPath())}/@@test-write?title=written")


def by_function(target: Any) -> str:
    """Queue the call of a function."""
    return functions.rename.delay(target, "written")


WAYS = [by_object, by_path, by_function]


@pytest.fixture
def subscribe() -> Iterator[Callable[..., list[str]]]:
    """Have an event's subscriber queue a job for each page; the ids are returned."""
    manager = getGlobalSiteManager()
    handlers = []

    def subscribe(event: Any, way: Callable[[Any], str]) -> list[str]:
        queued: list[str] = []

        def handle(said: Any) -> None:
            if said.object.portal_type == "Document":
                queued.append(way(said.object))

        manager.registerHandler(handle, [event])
        handlers.append((handle, event))
        return queued

    yield subscribe
    for handle, event in handlers:
        manager.unregisterHandler(handle, [event])


def run_one(consumer: InProcessConsumer) -> Job:
    """Run the only job there is."""
    (job,) = consumer.run()
    return job


@pytest.mark.parametrize("way", WAYS)
def test_content_that_was_renamed_is_found(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, way: Callable
) -> None:
    """Where plone.app.redirector would send a browser on, and nobody runs anything."""
    way(page)
    transaction.commit()
    api.content.rename(page, "renamed")
    assert getUtility(IRedirectionStorage).get("/plone/page") == "/plone/renamed"
    assert run_one(coserver_jobs).state is COMPLETED
    assert site.renamed.title == "written"


@pytest.mark.parametrize("way", WAYS)
def test_content_that_was_moved_with_its_folder_is_found(
    coserver_jobs: InProcessConsumer, site: Any, way: Callable
) -> None:
    """Also where another is now that was not meant."""
    folder = api.content.create(site, "Folder", "folder")
    target = api.content.create(folder, "Document", "page")
    way(target)
    transaction.commit()
    api.content.move(folder, api.content.create(site, "Folder", "archive"))
    other = api.content.create(api.content.create(site, "Folder", "folder"), "Document", "page")
    assert run_one(coserver_jobs).state is COMPLETED
    assert site.archive.folder.page.title == "written"
    assert other.title != "written"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("successor", [["page"], []])
def test_content_that_was_deleted_fails_its_job_at_once(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, way: Callable, successor: list[str]
) -> None:
    """Another at its place isn't taken for it."""
    way(page)
    uid = api.content.get_uuid(page)
    transaction.commit()
    api.content.delete(page)
    others = [api.content.create(site, "Document", name, title="Another") for name in successor]
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt) == (FAILED, 1)
    assert f"at /plone/page (UID {uid}) is gone" in job.error
    assert all(other.title == "Another" for other in others)


@pytest.mark.parametrize("way", WAYS)
def test_content_gets_its_name_after_its_job(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable, way: Callable
) -> None:
    """As with plone.api, which adds under a temporary id and renames in the same transaction."""
    queued = subscribe(IObjectAddedEvent, way)
    made = api.content.create(site, "Document", title="Harbour news")
    job = run_one(coserver_jobs)
    assert (job.id, job.state) == (queued[0], COMPLETED)
    assert made.getPhysicalPath() == ("", "plone", "harbour-news")
    assert made.title == "written"


@pytest.mark.parametrize("way", WAYS)
def test_content_gets_its_old_uid_after_its_job(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable, way: Callable
) -> None:
    """As importers set it."""
    subscribe(IObjectAddedEvent, way)
    made = api.content.create(site, "Document", "imported")
    setattr(made, ATTRIBUTE_NAME, "5e0d0f9a7e3b4b6f8f1f0a2b3c4d5e6f")
    made.reindexObject(idxs=["UID"])
    assert run_one(coserver_jobs).state is COMPLETED
    assert made.title == "written"


@pytest.mark.parametrize("way", [by_object, by_function])
def test_content_has_no_place_when_its_job_is_queued(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable, way: Callable
) -> None:
    """As in a subscriber of IObjectCreatedEvent: it has one when the transaction commits."""
    subscribe(IObjectCreatedEvent, way)
    made = createContent("Document", title="Late")  # which notifies of it
    added = addContentToContainer(site, made)
    assert run_one(coserver_jobs).state is COMPLETED
    assert (added.title, site.title) == ("written", "Plone site")


@pytest.mark.parametrize("way", WAYS[::2])
def test_content_without_an_id_is_not_taken_for_its_container(
    coserver_jobs: InProcessConsumer, site: Any, way: Callable
) -> None:
    """The add form wraps what it makes in its container while it applies the values."""
    made = createContent("Document", title="Late").__of__(site)
    way(made)
    addContentToContainer(site, made.aq_base)
    assert run_one(coserver_jobs).state is COMPLETED
    assert (site.late.title, site.title) == ("written", "Plone site")


@pytest.mark.parametrize("way", [by_object, by_function])
@pytest.mark.parametrize("wrap", [lambda made, site: made, lambda made, site: made.__of__(site)])
def test_content_that_never_gets_a_place_is_refused(
    coserver_jobs: InProcessConsumer, site: Any, way: Callable, wrap: Callable
) -> None:
    """At the latest with the commit, which says where to queue its job."""
    way(wrap(createContent("Document", title="Never"), site))
    site.title = "changed"
    with pytest.raises(InvalidJob, match="subscriber of IObjectAddedEvent"):
        transaction.commit()
    transaction.abort()
    assert site.title == "Plone site"
    assert coserver_jobs.waiting() == []


@pytest.mark.parametrize("way", WAYS)
def test_content_that_is_deleted_in_the_same_transaction(
    coserver_jobs: InProcessConsumer, site: Any, subscribe: Callable, way: Callable
) -> None:
    """Its job fails as gone; what took its name meanwhile is another."""
    subscribe(IObjectAddedEvent, way)
    api.content.delete(api.content.create(site, "Document", "page"))
    file = api.content.create(site, "File", "page", file=NamedBlobFile(b"x", filename="x.txt"))
    job = run_one(coserver_jobs)
    assert (job.state, "is gone" in job.error) == (FAILED, True)
    assert file.title != "written"


@pytest.mark.parametrize("name", ["a%41b", "100% sure", "grüße", "a+b;c"])
@pytest.mark.parametrize("way", [by_object, by_function])
def test_any_name_is_one(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, way: Callable, name: str
) -> None:
    """Before and after a move, also one that looks as if it were quoted."""
    made = api.content.create(site, "Document", name, safe_id=False)
    way(made)
    assert run_one(coserver_jobs).state is COMPLETED
    assert made.title == "written"
    way(page)
    transaction.commit()
    site.manage_delObjects([name])
    site.manage_renameObject("page", name)
    assert run_one(coserver_jobs).state is COMPLETED
    assert site[name].title == "written"


def test_an_entry_of_the_catalog_stands_for_its_object(
    coserver_jobs: InProcessConsumer, site: Any, page: Any
) -> None:
    """A function wants the object itself, and says so."""
    (brain,) = api.content.find(id="page")
    by_object(brain)
    assert run_one(coserver_jobs).state is COMPLETED
    assert page.title == "written"
    with pytest.raises(InvalidJob, match=r"brain.getObject\(\)"):
        by_function(brain)


def test_an_entry_of_the_catalog_without_an_object_is_refused(site: Any, page: Any) -> None:
    """The catalog may lag behind."""
    (brain,) = api.content.find(id="page")
    site._delOb("page")
    with pytest.raises(InvalidJob, match="no object is there"):
        by_object(brain)


def test_a_savepoint_and_a_rollback_work_as_ever(
    coserver_jobs: InProcessConsumer, site: Any, page: Any
) -> None:
    """Only what is left is written."""
    kept = by_object(page)
    savepoint = transaction.savepoint()
    by_object(site)
    savepoint.rollback()
    api.content.rename(page, "renamed")
    job = run_one(coserver_jobs)
    assert (job.id, job.state, site.renamed.title) == (kept, COMPLETED, "written")


def test_what_the_commit_changes_is_signed(instance: Instance, subscribe: Callable) -> None:
    """The path, the UID and the title are those of the commit, and the token names that path."""
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    subscribe(IObjectAddedEvent, by_object)
    made = api.content.create(instance.portal, "Document", title="Ä ship")
    transaction.commit()
    job = instance.claim()
    path = "/plone/a-ship"
    assert job.args["path"] == f"{path}/@@test-write?title=written"
    assert job.args["content"] == {"uid": api.content.get_uuid(made), "path": path}
    assert job.title == job.args["path"]
    assert instance.run(job).status_code == 200


def test_moved_content_keeps_its_virtual_host(instance: Instance) -> None:
    """The links that its job makes are the public ones."""
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    page = api.content.create(instance.portal, "Document", "page")
    transaction.commit()
    at = "/VirtualHostBase/https/www.example.com:443/plone/VirtualHostRoot/_vh_intern/@@test-queue"
    instance.queue("/plone/page/@@test-tell-jobs?x=1", at=at)
    api.content.rename(page, "a b")
    transaction.commit()
    told = instance.run(instance.claim()).json()
    assert told["url"] == "https://www.example.com/intern/a%20b"
    assert told["form"] == {"x": "1"}


def test_moved_content_is_run_with_its_owner_s_rights_only(instance: Instance) -> None:
    """It is found whoever may see it, and then asked for as ever."""
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    instance.add_user("jane")
    page = api.content.create(instance.portal, "Document", "page")
    secret = api.content.create(instance.portal, "Folder", "secret")
    transaction.commit()
    instance.queue("/plone/page/@@test-tell-managers", login="jane")
    api.content.move(page, secret)
    transaction.commit()
    answer = instance.run(instance.claim())
    assert answer.status_code == 401
    assert "jane" in answer.text


def test_a_token_for_the_old_place_is_for_that_content(instance: Instance) -> None:
    """Nobody can have it run something else by moving that there: the job names the content."""
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    page = api.content.create(instance.portal, "Document", "page")
    transaction.commit()
    instance.queue("/plone/page/@@test-tell-jobs")
    api.content.delete(page)
    api.content.create(instance.portal, "Document", "page")
    transaction.commit()
    answer = instance.run(instance.claim())
    assert answer.status_code == 410
    assert "is gone" in answer.text


def test_a_forged_content_is_refused(instance: Instance) -> None:
    """It is part of what is signed."""
    job = _queue_tell(instance)
    forged = job._replace(args=job.args | {"content": None})
    with pytest.raises(Exception, match="signature"):
        signing.verify(forged, "what Zope and its consumers share in tests")


def _queue_tell(instance: Instance) -> Job:
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    api.content.create(instance.portal, "Document", "page")
    transaction.commit()
    instance.queue("/plone/page/@@test-tell-jobs")
    return instance.claim()


def add_by_rest(instance: Instance) -> None:
    """Add a page as Volto does."""
    answer = instance.browse(
        "/plone",
        login="boss",
        method="POST",
        json={"@type": "Document", "title": "Harbour news"},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 201


def add_by_form(instance: Instance) -> None:
    """Add a page in the classic form."""
    path = "/plone/++add++Document"
    page = lxml.html.fromstring(instance.browse(path, login="boss").text)
    form = page.get_element_by_id("form")
    fields = dict(form.form_values()) | {
        "form.widgets.IDublinCore.title": "Harbour news",
        "form.buttons.save": "Save",
    }
    answer = instance.browse(path, login="boss", method="POST", data=fields)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{instance.url}/plone/harbour-news")


@pytest.mark.parametrize(
    ("event", "way"),
    [
        *((IObjectAddedEvent, way) for way in WAYS),
        (IObjectCreatedEvent, by_object),  # there is no path yet
        (IObjectCreatedEvent, by_function),
    ],
)
@pytest.mark.parametrize("add", [add_by_rest, add_by_form])
def test_a_job_queued_while_somebody_adds_a_page_runs_on_that_page(
    instance: Instance, subscribe: Callable, add: Callable, event: Any, way: Callable
) -> None:
    """Whichever event its subscriber is for, and whoever names the page when."""
    instance.add_user("boss", roles=("Manager",))
    subscribe(event, way)
    add(instance)
    instance.run(job := instance.claim())
    transaction.begin()
    assert instance.jobs.get(job.id).state is COMPLETED
    assert instance.portal["harbour-news"].title == "written"


@contextmanager
def in_site(site: Any) -> Iterator[None]:
    """Make another site the current one, or none, and commit."""
    before = getSite()
    setSite(site)
    try:
        yield
        transaction.commit()
    finally:
        setSite(before)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "leave", [lambda page: api.content.rename(page, "new"), api.content.delete]
)
def test_a_job_that_is_queued_without_a_current_site_is_about_its_content(
    coserver_jobs: InProcessConsumer, site: Any, way: Callable, leave: Callable
) -> None:
    """As in a script that sets none: a namesake further up isn't taken for it."""
    page = api.content.create(api.content.create(site, "Folder", "folder"), "Document", "page")
    namesake = api.content.create(site, "Document", "page", title="A namesake")
    transaction.commit()
    with in_site(None):
        way(page)
    leave(page)
    job = run_one(coserver_jobs)
    assert job.site == "/plone"
    assert namesake.title == "A namesake"
    assert job.state is (COMPLETED if "new" in site.folder else FAILED)


def test_a_request_to_the_root_queues_what_is_about_content(instance: Instance) -> None:
    """It has no current site, either."""
    setRoles(instance.portal, TEST_USER_ID, ["Manager"])
    page = api.content.create(instance.portal, "Document", "page")
    transaction.commit()
    instance.queue("/plone/page/@@test-tell-jobs", at="/@@test-queue")
    job = instance.claim()
    assert job.args["content"] == {"uid": api.content.get_uuid(page), "path": "/plone/page"}
    assert job.site == "/plone"


@pytest.fixture(params=["in a site", "outside"])
def place(request: pytest.FixtureRequest, site: Any) -> Any:
    """Where objects without a UID may be: outside nobody of the site can be logged in."""
    if request.param == "in a site":
        return site
    logout()
    return site.aq_parent


@pytest.mark.parametrize("way", WAYS)
def test_an_object_without_a_uid_that_is_gone_is_not_taken_for_a_namesake_above(
    coserver_jobs: InProcessConsumer, place: Any, way: Callable
) -> None:
    """Which is what acquisition finds."""
    for name in ("old", "scripts"):
        place._setObject(name, Folder(name))
    place.old._setObject("scripts", Folder("scripts"))
    way(place.old.scripts)
    transaction.commit()
    place.old._delObject("scripts")
    job = run_one(coserver_jobs)
    assert place.scripts.title != "written"
    assert (job.state, "/old/scripts (UID None) is gone" in job.error) == (FAILED, True)


@pytest.mark.parametrize("way", WAYS)
def test_an_object_without_a_uid_is_found(
    coserver_jobs: InProcessConsumer, place: Any, way: Callable
) -> None:
    """At its path."""
    place._setObject("scripts", Folder("scripts"))
    with in_site(None):
        way(place.scripts)
    job = run_one(coserver_jobs)
    assert (job.state, job.error) == (COMPLETED, None)
    assert place.scripts.title == "written"


def test_what_is_below_content_is_not_taken_for_a_namesake_above_it(
    coserver_jobs: InProcessConsumer, site: Any
) -> None:
    """Though the path is about that content, with which it moves."""
    folder = api.content.create(site, "Folder", "folder")
    for place in (site, folder):
        place._setObject("scripts", Folder("scripts"))
    transaction.commit()
    by_path(folder.scripts)
    transaction.commit()
    api.content.rename(folder, "renamed")
    assert run_one(coserver_jobs).state is COMPLETED
    assert site.renamed.scripts.title == "written"
    by_path(site.renamed.scripts)
    transaction.commit()
    site.renamed._delObject("scripts")
    job = run_one(coserver_jobs)
    assert site.scripts.title != "written"
    assert (job.state, "/renamed/scripts" in job.error) == (FAILED, True)


@pytest.fixture
def other(site: Any) -> Any:
    """Another site of the same Zope."""
    profiles = {
        "profile_id": "Products.CMFPlone:plone",
        "extension_ids": ("plone.app.contenttypes:default", "collective.coserver:default"),
    }
    made = addPloneSite(site.aq_parent, "other", **profiles)
    setSite(site)
    transaction.commit()
    return made


@pytest.mark.parametrize("way", WAYS)
def test_content_of_another_site_is_looked_for_in_its_own(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, other: Any, way: Callable
) -> None:
    """A job about content is one of its site, whichever site is the current one."""
    with in_site(other):
        way(page)
    api.content.rename(page, "renamed")
    job = run_one(coserver_jobs)
    assert (job.state, job.error, job.site) == (COMPLETED, None, "/plone")
    assert site.renamed.title == "written"


def test_arguments_and_results_of_several_sites_are_found(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, other: Any
) -> None:
    """A function may be given, and return, content of sites that aren't its job's."""
    with api.env.adopt_roles(["Manager"]), in_site(other):
        stranger = api.content.create(other, "Document", "page")
    job_id = functions.echo.delay(page, stranger)
    transaction.commit()
    with api.env.adopt_roles(["Manager"]), in_site(other):
        api.content.rename(stranger, "renamed")
    assert run_one(coserver_jobs).state is COMPLETED
    api.content.rename(page, "renamed")
    for current in (site, other, None):
        with in_site(current):
            assert queue.result(job_id)[0] == (site.renamed, other.renamed)


@pytest.mark.parametrize(("name", "state"), [("page", COMPLETED), ("renamed", FAILED)])
def test_a_path_is_taken_as_it_is_where_nobody_can_look_it_up(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, name: str, state: State
) -> None:
    """A thread of one's own has no site, no request and no ZODB; the job is about no content."""

    def add() -> str:
        job_id = queue.add("/plone/page/@@test-write?title=written")
        transaction.commit()
        return job_id

    with ThreadPoolExecutor() as threads:
        job = queue.get(threads.submit(add).result())
    assert (job.site, "content" in job.args) == (None, False)
    if name != "page":
        api.content.rename(page, name)
    ended = run_one(coserver_jobs)
    assert (ended.state, ended.attempt) == (state, 1)
    assert state is COMPLETED or "404 Not Found: " in ended.error
    assert (site[name].title == "written") is (state is COMPLETED)


def test_a_link_that_only_sends_on_to_content_completes_no_job(
    coserver_jobs: InProcessConsumer, site: Any, page: Any
) -> None:
    """As what Plone's editors write: its answer is a redirect, and the view isn't run."""
    queue.add(f"/plone/resolveuid/{api.content.get_uuid(page)}/@@test-write?title=written")
    job = run_one(coserver_jobs)
    assert (job.state, job.attempt, page.title) == (FAILED, 1, "A page")
    assert "sent on to /plone/page/@@test-write (301), where nothing was run" in job.error


@pytest.mark.parametrize("at", ["", "/++api++"])
def test_a_service_of_content_that_was_moved_is_called_there(
    coserver_jobs: InProcessConsumer, site: Any, page: Any, at: str
) -> None:
    """Nothing that has taken its place is changed, or deleted, instead."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    queue.add(f"/plone{at}/page", method="PATCH", headers=headers, payload='{"title": "patched"}')
    transaction.commit()
    api.content.rename(page, "renamed")
    other = api.content.create(site, "Document", "page", title="Another")
    job = run_one(coserver_jobs)
    assert (job.state, job.error) == (COMPLETED, None)
    assert (site.renamed.title, other.title) == ("patched", "Another")
