// A conversation's page while it is open: what a reader did to it survives every poll.
(() => {
  const find = (id) => document.getElementById(id);
  const [log, live, reply, read, newer] = ["log", "live", "reply", "read", "new-messages"].map(find);
  const box = find("reply-text");

  // Of what the server sends, this page knows better: what is open, typed or fetched.
  const isTyped = (node) => node.value !== node.defaultValue;
  const holdsText = (node) => node.querySelectorAll && [...node.querySelectorAll("textarea")].some(isTyped);
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeAttributeUpdated: (name, node) =>
      !(name === "open" && node.matches("details")) && !(name === "value" && node.matches("textarea") && isTyped(node)),
    beforeNodeMorphed: (node) => !(node.nodeType === 1 && node.matches(".prompt") && node.hasChildNodes()),
    beforeNodeRemoved: (node) => !holdsText(node),
  });

  // The log is laid out from its end: there it is at 0.
  const isAtEnd = () => Math.abs(log.scrollTop) < 60;
  const goToEnd = () => { log.scrollTop = 0; newer.hidden = true; };
  const last = () => Math.max(0, ...[...live.querySelectorAll("[data-message]")].map((one) => +one.dataset.message));
  let wasAtEnd = true, wasLast = last();

  const markRead = () => {
    const { newest } = find("newest")?.dataset ?? {};
    if (!read || document.hidden || !newest || read.dataset.done === newest) return;
    read.dataset.done = read.elements.message.value = newest;
    htmx.ajax("POST", read.action, { source: read, swap: "none" });
  };

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target === live) wasAtEnd = isAtEnd();
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { elt, target, requestConfig } }) => {
    if (target.id === "older") (find("older-link") ?? log).focus({ preventScroll: true });
    if (target !== live) return;
    const isNew = last() > wasLast;
    wasLast = last();
    if (wasAtEnd) goToEnd();
    else if (isNew) newer.hidden = false;
    markRead();
    // The button that was pressed may be gone.
    if (requestConfig.verb === "post" && elt !== read && document.activeElement === document.body) log.focus({ preventScroll: true });
  });

  document.addEventListener("steered", ({ target, detail }) => {
    for (const area of target.querySelectorAll?.("textarea") ?? []) area.value = area.defaultValue;
    if (detail.value !== "reply") return;
    box.value = box.defaultValue = find("reply-file").value = "";
    find("attach").open = false;
    box.focus();
    wasAtEnd = true;
  });

  log.addEventListener("scroll", () => { if (isAtEnd()) newer.hidden = true; }, { passive: true });
  newer.addEventListener("click", () => { goToEnd(); (box ?? log).focus(); });
  document.addEventListener("visibilitychange", markRead);

  // On a phone Enter begins a new line: its keyboard has no Shift to hold.
  const isPhone = matchMedia("(pointer: coarse)").matches;
  box?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (isPhone && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    reply.requestSubmit();
  });

  // A link to a message that has been loaded since needs no other page.
  document.addEventListener("click", (event) => {
    const { hash } = event.target.closest?.("a[href*='#message-']") ?? {};
    if (!hash || event.ctrlKey || event.metaKey || event.shiftKey || !find(hash.slice(1))) return;
    event.preventDefault();
    location.hash = hash;
  });

  markRead();
})();
