// The slider of the lab: marks and numbers of any threshold, from rows that came with the page.
(() => {
  const range = document.getElementById("lab-range");
  const number = document.getElementById("lab-number");
  const data = document.getElementById("lab-rows");
  if (!range || !number || !data) return;

  const rows = JSON.parse(data.textContent);
  const apply = document.getElementById("lab-apply");
  const dot = document.querySelector(".dot.tried");

  const language = document.documentElement.lang || undefined;
  // As the server writes them.
  const daily = (value) => {
    const digits = value < 99.95 ? 1 : 0;
    return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  };
  const percent = (value) => Math.round(100 * value).toLocaleString(language);
  const told = (name, value) => {
    if (value === null) return rows.none;
    if (name === "replies") return daily(value);
    if (name === "unwanted" || name === "missed") return `${daily(value[0])} [${daily(value[1])}–${daily(value[2])}]`;
    return `${percent(value[0])} % [${percent(value[1])}–${percent(value[2])}]`;
  };

  const show = (threshold) => {
    range.value = threshold;
    for (const chart of document.querySelectorAll(".lab-chart")) {
      const mark = chart.querySelector(".mark.tried");
      if (!mark) continue;
      const x = Number(chart.dataset.start) + threshold * chart.dataset.width;
      mark.setAttribute("x1", x);
      mark.setAttribute("x2", x);
    }
    const step = Math.round(threshold * 100);
    for (const cell of document.querySelectorAll("[data-at]")) {
      cell.textContent = told(cell.dataset.at, rows[cell.dataset.at][step]);
    }
    if (dot) {
      const [precision, recall] = [rows.precision[step], rows.recall[step]];
      dot.classList.toggle("gone", !precision || !recall);
      if (precision && recall) {
        const { left, top, width, height } = rows.plot;
        dot.setAttribute("cx", left + recall[0] * width);
        dot.setAttribute("cy", top + (1 - precision[0]) * height);
      }
    }
    if (apply) apply.value = `${apply.dataset.key}:${threshold.toFixed(2)}`;
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
})();
