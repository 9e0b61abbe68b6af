// The email editor's preview follows what is written. Without scripts its Refresh button does the same.
"use strict";

(() => {
  const editor = document.getElementById("editor");
  const url = editor?.dataset.previewUrl;
  if (!url || !document.querySelector("button[data-previews]")) return;

  let waits = 0;

  // A form of its own, for the editor's would count as sent and forget that there are unsaved changes.
  function refresh() {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: url, target: "email-preview", hidden: true });
    for (const [name, value] of new FormData(editor)) {
      const field = document.createElement("textarea");
      Object.assign(field, { name, value });
      form.append(field);
    }
    document.body.append(form);
    form.submit();
    form.remove();
  }

  function soon() {
    clearTimeout(waits);
    waits = setTimeout(refresh, 700);
  }

  editor.addEventListener("input", soon);
  document.getElementById("event").addEventListener("change", refresh);
  document.querySelector("button[data-previews]").addEventListener("click", (event) => {
    event.preventDefault();
    refresh();
  });
})();
