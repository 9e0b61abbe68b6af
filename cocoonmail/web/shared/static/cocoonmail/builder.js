// The builder swaps its panel without leaving the page: unsaved changes in it are asked about first.
"use strict";

document.addEventListener("htmx:confirm", (event) => {
  const unsaved = document.querySelector("#panel form[data-guard][data-changed]");
  if (!unsaved || event.target.closest("form") === unsaved) return;
  event.preventDefault();
  if (confirm("Leave this step without saving what you changed?")) event.detail.issueRequest(true);
});

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form && "guard" in form.dataset) form.dataset.changed = "1";
});

// On narrow screens the panel stands below the path: bring it into view when a step was chosen.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id === "builder" && matchMedia("(max-width: 1100px)").matches)
    document.getElementById("panel").scrollIntoView({ block: "start" });
});
