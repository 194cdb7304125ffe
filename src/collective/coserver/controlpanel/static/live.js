// Keeps a page of the panel fresh: fetches the same address and swaps what is marked.
// Without it the page is as it was when it was asked for.

const KEY = "coserver-live";
const panel = document.querySelector(".cs");
const choices = [...panel.querySelectorAll("[data-seconds]")];
const stands = panel.querySelector(".cs-still");
let seconds = Number(localStorage.getItem(KEY) ?? 5);
let tag = null;
let timer = 0;

function isBusy() {
  const at = document.activeElement;
  const isTyping = at?.closest(".cs")?.contains(at) && at.matches("input, select, textarea");
  const isOpen = panel.querySelector("details.cs-menu[open], dialog[open], .cs input:checked");
  return isTyping || Boolean(isOpen) || !getSelection().isCollapsed;
}

function show() {
  for (const choice of choices) {
    choice.setAttribute("aria-pressed", String(Number(choice.dataset.seconds) === seconds));
  }
}

function keepOpen(before, after) {
  const open = [...before.querySelectorAll("details")].map((each) => each.open);
  [...after.querySelectorAll("details")].forEach((each, number) => {
    if (number < open.length) each.open = open[number];
  });
}

function swap(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const region of panel.querySelectorAll("[data-coserver-region]")) {
    const name = region.dataset.coserverRegion;
    const found = fresh.querySelector(`[data-coserver-region="${name}"]`);
    if (!found || found.innerHTML === region.innerHTML) continue;
    if (region.contains(document.activeElement)) continue;
    keepOpen(region, found);
    region.replaceChildren(...found.childNodes);
  }
}

async function refresh() {
  stands.hidden = !isBusy();
  if (document.hidden || isBusy()) return;
  const headers = tag ? { "If-None-Match": tag } : {};
  const answer = await fetch(location.href, { headers, credentials: "same-origin" });
  if (answer.status !== 200 || answer.redirected) return;
  tag = answer.headers.get("ETag");
  const text = await answer.text();
  if (!document.hidden && !isBusy()) swap(text);
}

function plan() {
  clearTimeout(timer);
  if (!seconds) return;
  timer = setTimeout(() => refresh().catch(() => {}).finally(plan), seconds * 1000);
}

for (const choice of choices) {
  choice.addEventListener("click", () => {
    seconds = Number(choice.dataset.seconds);
    localStorage.setItem(KEY, String(seconds));
    show();
    plan();
  });
}
document.addEventListener("visibilitychange", () => document.hidden || refresh().catch(() => {}));
panel.querySelector(".cs-live").hidden = false;
show();
plan();
