// Without this file the page works by forms and reloads; with it, it lives.
(() => {
  const phone = document.getElementById("sandbox-phone");
  if (!phone) return;
  const composer = document.getElementById("sandbox-composer");
  const text = document.getElementById("sandbox-text");
  const notice = composer.querySelector(".sandbox-notice");
  const answering = composer.querySelector(".sandbox-answering");
  const log = document.querySelector(".sandbox-log");

  function refresh(html) {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const height = log.scrollHeight;
    for (const part of fresh.content.querySelectorAll("[data-part]")) {
      const shown = phone.querySelector(`[data-part="${part.dataset.part}"]`);
      // Only what is new is read aloud, and an open menu stays open.
      Idiomorph.morph(shown, part, {
        morphStyle: "innerHTML",
        callbacks: { beforeAttributeUpdated: (name) => name !== "open" },
      });
    }
    // The log counts its scroll from the end, where it stays by itself.
    if (log.scrollTop < -8) log.scrollTop -= log.scrollHeight - height;
  }

  let polling = false;
  async function poll() {
    if (polling || document.hidden) return;
    polling = true;
    try {
      const url = `${phone.dataset.chatUrl}&cursor=${encodeURIComponent(phone.dataset.cursor)}`;
      const answer = await fetch(url, { redirect: "error" });
      if (answer.status === 200) {
        refresh(await answer.text());
        phone.dataset.cursor = answer.headers.get("X-Cursor");
      }
      say(answer.ok ? "" : phone.dataset.noSandbox, "poll");
    } catch {
      say(phone.dataset.noServer, "poll");
    } finally {
      polling = false;
    }
  }

  function say(message, from) {
    if (!message && notice.dataset.from !== from) return;
    if (notice.textContent !== message) notice.textContent = message;
    notice.dataset.from = from;
  }

  function answer(field, id, label, draft) {
    composer.elements.reply.value = composer.elements.edit.value = "";
    if (field) composer.elements[field].value = id;
    answering.hidden = !field;
    answering.firstElementChild.textContent = label;
    if (draft !== undefined) text.value = draft;
    text.focus();
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!("live" in form.dataset)) return;
    event.preventDefault();
    const url = event.submitter?.getAttribute("formaction") || form.action;
    const body = new FormData(form, event.submitter);
    try {
      const sent = await fetch(url, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
      say(sent.ok ? "" : (await sent.text()).slice(0, 200), "act");
      if (!sent.ok) return;
    } catch {
      return say(phone.dataset.noServer, "act");
    }
    event.submitter?.closest("details")?.removeAttribute("open");
    if (form === composer) {
      composer.elements.mention && (composer.elements.mention.checked = false);
      composer.elements.file.value = "";
      answer("", "", "", "");
    }
    poll();
  });

  phone.addEventListener("click", (event) => {
    const link = event.target.closest("[data-reply], [data-edit], [data-cancel]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    link.closest("details")?.removeAttribute("open");
    if (link.dataset.reply) answer("reply", link.dataset.reply, link.dataset.label);
    else if (link.dataset.edit) answer("edit", link.dataset.edit, link.dataset.label, link.dataset.text);
    else answer("", "", "", composer.elements.edit.value ? "" : undefined);
  });

  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit(document.getElementById("sandbox-send"));
  });

  for (const select of document.querySelectorAll("[data-submit]")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }
  document.addEventListener("visibilitychange", poll);
  setInterval(poll, 1500);
})();
