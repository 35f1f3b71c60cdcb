"use strict";
// Draws the charts of the page with Plotly, in the colours of the light or the dark style; all data are in the page.
(() => {
  const root = document.documentElement;
  const color = (token) => getComputedStyle(root).getPropertyValue("--" + token).trim();
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";
  const charts = [...document.querySelectorAll(".chart")];
  const figures = new Map(charts.map((chart) => [chart, JSON.parse(chart.nextElementSibling.textContent)]));
  const drawn = new Set();

  // A copy of a figure with each colour token, "@real", replaced by a colour.
  const colored = (value) => {
    if (Array.isArray(value)) return value.map(colored);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, own]) =>
      [key, /color$/.test(key) && typeof own === "string" && own[0] === "@" ? color(own.slice(1)) : colored(own)]));
  };

  const axis = (own) => ({
    gridcolor: color("line"), zerolinecolor: color("line"), linecolor: color("line"), automargin: true,
    ...own, title: own && own.title ? { ...own.title, standoff: 8 } : undefined,
  });

  const isSmall = (kind) => kind === "bar" || kind === "line";  // one of several side by side, with one key for all

  const layout = (own, kind) => ({
    ...own,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("ink") },
    margin: { l: 44, r: 12, t: isSmall(kind) ? 8 : 24, b: 36 },
    hoverlabel: { bgcolor: color("panel"), bordercolor: color("line"), font: { color: color("ink") } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, ...own.legend },
    xaxis: { ...axis(own.xaxis), fixedrange: /^bar/.test(kind) },
    yaxis: { ...axis(own.yaxis), fixedrange: /^bar/.test(kind) },
    showlegend: !isSmall(kind) && own.showlegend !== false,
  });

  // Traces of the map for a choice of colours: one per category, or one with a scale.
  const mapFigure = (figure, chosen) => {
    const { x, y, labels, colors } = figure;
    const said = colors.slice(0, 6);
    const text = x.map((_, i) => said.map((own) => own.name + ": " +
      (own.groups ? own.names[own.groups[i]] : own.values[i] === null ? "missing" : own.values[i])).join("<br>"));
    const trace = (name, rows, marker) => ({
      type: "scatter", mode: "markers", name, x: rows.map((i) => x[i]), y: rows.map((i) => y[i]),
      text: rows.map((i) => text[i]), hovertemplate: "%{text}<extra></extra>",
      marker: { size: x.length > 1000 ? 5 : 7, opacity: 0.8, ...marker },
    });
    const every = x.map((_, i) => i), own = colors[chosen];
    const form = { xaxis: { title: { text: labels[0] } }, dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
                   yaxis: { title: { text: labels[1] }, scaleanchor: "x" }, hovermode: "closest" };
    if (own.groups) {
      const groups = own.names.map((name, group) => trace(name, every.filter((i) => own.groups[i] === group),
        { color: "@group-" + (group < 10 && !/missing$/.test(name) ? group : "rest") }));
      return { data: groups, layout: { ...form, showlegend: true } };
    }
    const seen = every.filter((i) => own.shade[i] !== null), missing = every.filter((i) => own.shade[i] === null);
    const scale = { color: seen.map((i) => own.shade[i]), colorscale: [[0, color("low")], [1, color("high")]], cmin: 0, cmax: 1,
                    colorbar: { tickvals: [0, 1], ticktext: own.ends, thickness: 12, len: 0.5, outlinewidth: 0 } };
    const traces = [trace(own.name, seen, scale)];
    if (missing.length) traces.unshift(trace("missing", missing, { color: "@group-rest" }));
    return { data: traces, layout: { ...form, showlegend: missing.length > 0 } };
  };

  const draw = (chart) => {
    const kind = chart.dataset.kind, own = figures.get(chart);
    const select = kind === "map" ? chart.parentElement.querySelector("select") : null;
    const figure = colored(kind === "map" ? mapFigure(own, Number(select.value)) : own);
    const config = { responsive: true, displaylogo: false, displayModeBar: kind === "map" || /^line/.test(kind) ? "hover" : false,
                     modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
    Plotly.react(chart, figure.data, layout(figure.layout, kind), config);
    drawn.add(chart);
  };
  const redraw = () => drawn.forEach(draw);
  const drawRest = () => charts.filter((chart) => !drawn.has(chart)).forEach(draw);

  for (const chart of charts.filter((own) => own.dataset.kind === "map")) {
    const choice = chart.parentElement.querySelector(".choice"), select = choice.querySelector("select");
    figures.get(chart).colors.forEach((own, i) => select.add(new Option(own.label, i)));
    choice.hidden = false;
    select.addEventListener("change", () => draw(chart));
  }

  const button = document.getElementById("theme");
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); redraw(); });
  prefersDark.addEventListener("change", () => { name(); redraw(); });
  name();

  // What is in view first, the rest while nothing else is to be done, and all of it in light colours before printing.
  const watcher = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    watcher.unobserve(entry.target);
    if (!drawn.has(entry.target)) draw(entry.target);
  }), { rootMargin: "300px" });
  charts.forEach((chart) => watcher.observe(chart));
  const idle = window.requestIdleCallback || ((then) => setTimeout(then, 50));
  const next = () => {
    const chart = charts.find((own) => !drawn.has(own));
    if (chart) { draw(chart); idle(next); } else root.dataset.drawn = "all";
  };
  idle(next);
  let before;
  addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; drawRest(); redraw(); });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    redraw();
  });
})();
