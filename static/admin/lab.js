// The slider of the lab: marks and numbers of any threshold, from rows that came with the page.
(() => {
  const range = document.getElementById("lab-range");
  const number = document.getElementById("lab-number");
  const data = document.getElementById("lab-rows");
  if (!range || !number || !data) return;

  const rows = JSON.parse(data.textContent);
  const apply = document.getElementById("lab-apply");
  const dot = document.querySelector(".dot.tried");

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
    for (const [name, told] of Object.entries(rows.told[step])) {
      document.querySelector(`[data-at="${name}"]`).textContent = told;
    }
    if (dot) {
      const point = rows.points[step];
      dot.classList.toggle("gone", !point);
      if (point) {
        const { left, top, width, height } = rows.plot;
        dot.setAttribute("cx", left + point[0] * width);
        dot.setAttribute("cy", top + (1 - point[1]) * height);
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
