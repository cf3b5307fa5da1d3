// The slider beside the threshold, and what its value would have come to.
(() => {
  const number = document.getElementById("id_threshold");
  const range = document.getElementById("threshold-range");
  if (!number || !range) return;

  const chart = document.querySelector(".wa-chart");
  const sentence = document.getElementById("preview-sentence");
  const data = document.getElementById("preview-counts");
  const counts = data ? JSON.parse(data.textContent) : [];
  const language = document.documentElement.lang || undefined;
  const told = (value, digits = 0) => value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const sum = (from) => counts.slice(from).reduce((all, count) => all + count, 0);
  // The same edge as the server's: 0.29 * 100 is a little less than 29.
  const atOrAbove = (threshold) => sum(Math.ceil(threshold * 100 - 1e-9));

  const show = (threshold) => {
    range.value = threshold;
    if (!chart || !sentence) return;
    const marker = chart.querySelector(".marker");
    const x = Number(chart.dataset.start) + threshold * chart.dataset.width;
    marker.setAttribute("x1", x);
    marker.setAttribute("x2", x);
    for (const bar of chart.querySelectorAll(".bar")) {
      bar.classList.toggle("on", Number(bar.dataset.from) >= threshold - 1e-9);
    }
    const [count, total] = [atOrAbove(threshold), sum(0)];
    const values = {
      at: told(threshold, 2),
      count: told(count),
      total: told(total),
      share: told(Math.round((100 * count) / total)),
      now: told(atOrAbove(Number(sentence.dataset.saved))),
    };
    sentence.textContent = sentence.dataset.sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  };

  const read = () => {
    const threshold = number.valueAsNumber;
    if (threshold >= 0 && threshold <= 1) show(threshold);
  };
  range.addEventListener("input", () => {
    number.value = range.valueAsNumber.toFixed(2);
    read();
  });
  number.addEventListener("input", read);
  number.step = "0.01";
  range.hidden = false;
  read();
})();
