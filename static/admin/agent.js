// What neither HTML nor htmx does: the CSRF header, what a live part has shown, countdowns.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get") {
      const token = document.querySelector("[name=csrfmiddlewaretoken]");
      if (token) detail.headers["X-CSRFToken"] = token.value;
    }
    // A form inside a live part sends its own fields; the part itself says what it shows.
    if (detail.elt.matches("[data-live]") && detail.elt.dataset.seen) {
      detail.parameters.set("seen", detail.elt.dataset.seen);
    }
  });

  // A page that nobody sees asks nothing.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, requestConfig } = event.detail;
    if (document.hidden && requestConfig.verb === "get" && elt.matches("[data-live]")) event.preventDefault();
  });

  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const seen = detail.xhr?.getResponseHeader("X-Seen");
    if (seen && detail.elt.matches("[data-live]")) detail.elt.dataset.seen = seen;
  });

  // A signed-out page would show the sign-in form inside of itself.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname.endsWith("/login/")) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });

  setInterval(() => {
    for (const part of all("[data-countdown]")) {
      const seconds = Math.max(0, part.dataset.countdown - 1);
      part.dataset.countdown = seconds;
      part.textContent = part.textContent.replace(/\d+/, seconds);
    }
  }, 1000);
})();
