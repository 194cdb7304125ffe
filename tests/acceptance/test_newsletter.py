"""The newsletter: a job for each recipient, a mail for each job."""

from support.installation import Installation
from support.jobs import Jobs
from support.mail import Mail, Mailbox, MailServer
from support.waiting import wait_for


def wait_mails(mailbox: Mailbox, jobs: Jobs, domain: str, number: int) -> list[Mail]:
    """Return the mails to the domain when all jobs have ended and so many mails are there.

    A job ends as its request commits; its mail goes out right after that.
    """
    jobs.wait_idle()
    wait_for(lambda: len(mailbox.to_domain(domain)) >= number, what=f"mails to {domain}")
    return mailbox.to_domain(domain)


def test_a_thousand_recipients_get_exactly_a_thousand_mails(
    installation: Installation, jobs: Jobs, mailbox: Mailbox
) -> None:
    """Everybody gets one mail, nobody two, and no job is left."""
    recipients = [f"reader{number}@thousand.example.org" for number in range(1000)]
    answer = installation.admin().press(
        "@@coserver-examples", "coserver-newsletter", recipients="\n".join(recipients)
    )
    assert "1000 mails are queued." in answer.text
    mails = wait_mails(mailbox, jobs, "thousand.example.org", 1000)
    assert sorted(mail.recipient for mail in mails) == sorted(recipients)


def test_a_recipient_who_is_named_twice_gets_one_mail(
    installation: Installation, jobs: Jobs, mailbox: Mailbox
) -> None:
    """Doubled lines and empty ones don't count."""
    answer = installation.admin().press(
        "@@coserver-examples",
        "coserver-newsletter",
        recipients="ada@twice.example.org\n\nada@twice.example.org\n",
    )
    assert "1 mails are queued." in answer.text
    assert len(wait_mails(mailbox, jobs, "twice.example.org", 1)) == 1


def test_one_bad_address_and_no_mail_is_queued(
    installation: Installation, jobs: Jobs, mailbox: Mailbox
) -> None:
    """The form says which line is wrong, and nobody gets a mail yet."""
    answer = installation.admin().press(
        "@@coserver-examples",
        "coserver-newsletter",
        recipients="eve@bad.example.org\nno address\n",
    )
    assert "no address is no address." in answer.text
    jobs.wait_idle()
    assert mailbox.to_domain("bad.example.org") == []


def test_a_mail_waits_for_an_smtp_server_that_is_away(
    installation: Installation, jobs: Jobs, mail_server: MailServer
) -> None:
    """The job fails while nobody takes the mail, and is tried again until somebody does."""
    with mail_server.away():
        installation.admin().press(
            "@@coserver-examples", "coserver-newsletter", recipients="ida@away.example.org"
        )
        (job,) = jobs.titled("Newsletter to ida@away.example.org")
        wait_for(lambda: jobs.count_errors(job.id), what="a failed attempt")
    assert jobs.wait_completed(job.id).attempt > 1
    assert len(wait_mails(mail_server.mailbox, jobs, "away.example.org", 1)) == 1


def test_the_links_in_a_mail_are_the_public_ones(
    installation: Installation, jobs: Jobs, mailbox: Mailbox
) -> None:
    """A newsletter sent from behind a proxy links to the address that the proxy shows."""
    browser = installation.admin_behind_proxy("https://www.harbour.example")
    answer = browser.press(
        "@@coserver-examples", "coserver-newsletter", recipients="kim@public.example.org"
    )
    assert "1 mails are queued." in answer.text
    (mail,) = wait_mails(mailbox, jobs, "public.example.org", 1)
    assert "Read it here: https://www.harbour.example" in mail.text.splitlines()
    assert mail.message["From"] == "The harbour <site@example.org>"
