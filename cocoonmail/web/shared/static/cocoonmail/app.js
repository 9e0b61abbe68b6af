// What makes the pages handier where scripts run. Every page works without it.
"use strict";

document.documentElement.classList.add("has-script");

// Copy buttons: data-copy holds the text; data-copy-near copies the code beside the button.
async function copy(button) {
  const text = button.dataset.copy ?? button.parentElement.querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text); // Plain http on another host has no clipboard.
  }
  button.classList.add("is-copied");
  say("Copied");
  setTimeout(() => button.classList.remove("is-copied"), 1500);
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// One polite live region tells screen readers what a sighted person sees.
function say(words) {
  let region = document.getElementById("said");
  if (!region) {
    region = document.createElement("div");
    region.id = "said";
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  region.textContent = words;
}

// Relative times: the words of look.ago, kept fresh. The exact time on hover comes from the server.
const SPANS = [[5400, 60, "min"], [129600, 3600, "hour"], [1209600, 86400, "day"], [5184000, 604800, "week"], [60480000, 2630016, "month"], [Infinity, 31557600, "year"]];

function distance(seconds) {
  const far = Math.abs(seconds);
  if (far < 45) return seconds <= 0 ? "just now" : "in a moment";
  const [, size, name] = SPANS.find(([below]) => far < below);
  const number = Math.max(1, Math.round(far / size));
  const words = `${number} ${name}${number === 1 || name === "min" ? "" : "s"}`;
  return seconds < 0 ? `${words} ago` : `in ${words}`;
}

function freshenTimes() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = distance((Date.parse(time.dateTime) - Date.now()) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}

setInterval(freshenTimes, 20000);

// Menu on narrow screens: without scripts #menu opens it by :target.
function toggleMenu(event, how) {
  event.preventDefault();
  document.getElementById("menu").classList.toggle("is-open", how === "open");
  document.querySelector(`[data-menu="${how === "open" ? "close" : "open"}"]`).focus();
}

// Dialogs open by themselves (command="show-modal") in newer browsers.
const OPENS_ITSELF = "command" in HTMLButtonElement.prototype;

function onClick(event) {
  const at = event.target.closest("[data-copy], [data-copy-near], [data-menu], [data-opens], [data-closes]");
  if (!at) return closeDrops(event.target);
  if ("copy" in at.dataset || "copyNear" in at.dataset) copy(at);
  else if (at.dataset.menu) toggleMenu(event, at.dataset.menu);
  else if (!OPENS_ITSELF && at.dataset.opens) document.getElementById(at.dataset.opens).showModal();
  else if (!OPENS_ITSELF && at.dataset.closes) document.getElementById(at.dataset.closes).close();
}

function closeDrops(target) {
  for (const drop of document.querySelectorAll("details.drop[open]")) if (!drop.contains(target)) drop.open = false;
}

function onKey(event) {
  if (event.key !== "Escape") return;
  closeDrops(null);
  document.getElementById("menu")?.classList.remove("is-open");
}

// Double submits: a form that is on its way is not sent again.
function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  changed.delete(form);
  event.submitter?.setAttribute("aria-busy", "true");
}

function allowSubmits() {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}

// Unsaved changes: forms with data-guard ask before the page is left.
const changed = new Set();

function onInput(event) {
  const form = event.target.form;
  if (form && "guard" in form.dataset) changed.add(form);
}

function onLeave(event) {
  if ([...changed].some((form) => form.isConnected)) event.preventDefault();
}

// Filters that say nothing stay out of the URL.
function dropEmptyFilters(event) {
  const { verb, parameters } = event.detail;
  if (verb !== "get") return;
  for (const [name, value] of Object.entries(parameters)) if (value === "") delete parameters[name];
}

// On a narrow screen the tabs run out of sight; the one that is open does not.
function showOpenTab() {
  for (const tab of document.querySelectorAll('.tabs [aria-current="page"]')) {
    const row = tab.closest(".tabs");
    row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  }
}

showOpenTab();
document.addEventListener("htmx:afterSwap", showOpenTab);
document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
document.addEventListener("submit", onSubmit);
document.addEventListener("input", onInput);
document.addEventListener("htmx:configRequest", dropEmptyFilters);
document.addEventListener("htmx:afterRequest", allowSubmits);
document.addEventListener("htmx:afterSwap", freshenTimes);
window.addEventListener("pageshow", allowSubmits);
window.addEventListener("beforeunload", onLeave);
