// One key an answer, and the message in question in view.
(() => {
  const log = document.getElementById("label-log");
  const judged = log?.querySelectorAll(".judged");
  judged?.[judged.length - 1]?.scrollIntoView({ block: "end" });
  if (log) log.scrollTop += 24;

  let isSent = false;
  document.addEventListener("submit", () => { isSent = true; });
  // Back from the history, the page may be answered anew.
  window.addEventListener("pageshow", () => { isSent = false; });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isSent) return;
    if (event.target.closest("input, select, textarea")) return;
    const button = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
})();
