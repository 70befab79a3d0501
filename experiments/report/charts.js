// Draws every figure of the page with the page's own colours, and again when these change.
(() => {
  "use strict";
  const variable = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const paint = (name) =>
    Array.isArray(name) ? name.map(paint) : (typeof name === "string" && variable(name)) || name;
  const painted = (value, key = "") => {
    if (key === "colorscale") return value.map(([at, name]) => [at, paint(name)]);
    if (/color$/.test(key) && (typeof value === "string" || Array.isArray(value))) return paint(value);
    if (Array.isArray(value)) return value.map((part) => painted(part));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, k)]));
  };
  const config = { displayModeBar: false, showTips: false, doubleClick: false };
  const font = getComputedStyle(document.body).fontFamily;

  const draw = (figure) => {
    const plot = figure.querySelector(".plot");
    const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
    const page = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, size: 12, color: variable("ink") },
      hoverlabel: {
        bgcolor: variable("raised"),
        bordercolor: variable("line"),
        font: { family: font, color: variable("ink") },
        align: "left",
      },
      ...painted(layout),
    };
    const first = !plot.on; // what plotly adds when it draws
    const drawn = window.Plotly.react(plot, painted(data), page, config);
    if (first) plot.on("plotly_afterplot", () => signsFirst(plot));
    return drawn.then(() => signsFirst(plot));
  };
  // A tick's prefix is written before its sign: $−5 becomes −$5.
  const signsFirst = (plot) =>
    plot.querySelectorAll(".xtick text, .ytick text").forEach((tick) => {
      const told = tick.textContent.replace(/^([^\d\u2212-]+)[\u2212-]/, "\u2212$1");
      if (told !== tick.textContent) tick.textContent = told;
    });
  const figures = [...document.querySelectorAll("figure.chart")];
  const drawAll = () => figures.forEach(draw);

  drawAll();
  // Also widths that change without the window: print, a zoomed page, a turned phone.
  const sizes = new ResizeObserver((entries) =>
    entries.forEach(({ target, contentRect }) => {
      if (contentRect.width > 0 && Math.abs(target._fullLayout.width - contentRect.width) > 1) {
        window.Plotly.relayout(target, { width: contentRect.width });
      }
    }),
  );
  figures.forEach((figure) => sizes.observe(figure.querySelector(".plot")));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // On paper the light colours hold and the width is another; closed figures stay closed.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("print");
    drawAll();
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("print");
    drawAll();
  });
})();
