"""A person at a browser: logged in, with cookies, pressing the buttons of forms."""

from __future__ import annotations

from urllib.parse import urljoin

import lxml.html
import requests


class Browser:
    """Requests to one Plone site.

    ``door`` is where the server is reached, ``public`` the address that the site's links bear;
    they differ when a virtual host is asked for. Redirects stay behind the door.
    """

    def __init__(
        self,
        door: str,
        *,
        public: str | None = None,
        login: tuple[str, str] | None = None,
        timeout: float = 60,
    ) -> None:
        self.door = door
        self.public = public or door
        self.timeout = timeout
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = login

    def get(self, path: str = "", **params: str) -> requests.Response:
        """Open a page of the site."""
        return self.request("GET", f"{self.public}/{path}", params=params)

    def post(self, path: str, **fields: str) -> requests.Response:
        """Send fields to an address of the site."""
        return self.request("POST", f"{self.public}/{path}", data=fields)

    def upload(
        self, path: str, files: dict[str, tuple[str, bytes, str]], **fields: str
    ) -> requests.Response:
        """Send files, each with name, content and media type, and fields as a form does."""
        return self.request("POST", f"{self.public}/{path}", data=fields, files=files)

    def press(self, path: str, form_id: str, **fields: str) -> requests.Response:
        """Open a page, fill in one of its forms and press the button."""
        page = self.get(path)
        page.raise_for_status()
        form = lxml.html.fromstring(page.text).get_element_by_id(form_id)
        action = urljoin(f"{self.public}/{path}", form.get("action"))
        return self.request("POST", action, data=dict(form.form_values()) | fields)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str] | None = None,
        data: dict[str, str] | bytes | None = None,
        headers: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes, str]] | None = None,
    ) -> requests.Response:
        """Send one request through the door, and a GET for each redirect that follows."""
        response = self.session.request(
            method,
            self._behind_door(url),
            params=params,
            data=data,
            headers=headers,
            files=files,
            allow_redirects=False,
            timeout=self.timeout,
        )
        if response.is_redirect:
            return self.request("GET", urljoin(url, response.headers["Location"]))
        return response

    def _behind_door(self, url: str) -> str:
        assert url.startswith(self.public), f"{url} isn't below {self.public}."
        return self.door + url.removeprefix(self.public)


def job_id_of(page: requests.Response) -> str:
    """Return the id of the job that the examples' page shows."""
    page.raise_for_status()
    return lxml.html.fromstring(page.text).find_class("coserver-job-id")[0].text
