"use strict";
(() => {
  const [charts, reports, media] = ["charts", "reports", "media"].map((name) => JSON.parse(document.getElementById(name).textContent));
  const colours = ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)"];
  const soft = "var(--soft)", ink = "var(--ink)";
  const bytes = d3.format(".3~s"), short = d3.format(".3~r");
  const shortened = (words, most) => (words.length > most ? words.slice(0, most - 1) + "…" : words);

  const wide = (words) => 6.8 * String(words).length; // pixels of a text in a chart

  // Ticks whose labels stand clear of each other in so many pixels: as many as fit, up to eight.
  function clearTicks(low, high, room, format) {
    for (let count = 8; count > 1; count--) {
      const found = d3.ticks(low, high, count), step = (room * (found[1] - found[0])) / (high - low || 1);
      if (found.length < 2 || step >= d3.max(found, (x) => wide(format(x))) + 8) return found;
    }
    return d3.ticks(low, high, 1);
  }

  // The same of a logarithmic axis: powers of ten first, then what fits between them.
  function clearLogTicks(low, high, room, format) {
    const at = d3.scaleLog([low, high], [0, room]), kept = [];
    const powers = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
    for (const factors of [[1], [2, 5], [3], [1.5, 4, 7]]) {
      for (const power of powers) {
        for (const factor of factors) {
          const x = factor * 10 ** power, half = (each) => wide(format(each)) / 2;
          if (x < low || x > high || kept.length > 7) continue;
          if (kept.every((each) => Math.abs(at(each) - at(x)) >= half(each) + half(x) + 8)) kept.push(x);
        }
      }
    }
    return kept.length > 1 ? d3.sort(kept) : clearTicks(low, high, room, format);
  }

  // An image or a recording is in the page once, however many files changed its prediction.
  document.querySelectorAll("[data-from]").forEach((place) => (place.src = media[place.dataset.from]));

  // Each draws a chart of its spec in the width that there is.
  const draw = {
    scatter(spec, width) {
      const points = spec.points, costs = points.map((p) => p.x);
      const log = d3.max(costs) / d3.min(costs) > 4;
      const front = points.filter((p) => p.front).sort((a, b) => d3.ascending(a.x, b.x));
      const [low, high] = d3.extent(points, (p) => p.y);
      const room = (high - low || Math.abs(high) * 0.1 || 1) * 0.25;
      const across = log ? [d3.min(costs) / 1.5, d3.max(costs) * 1.8] : [0, d3.max(costs) * 1.15 || 1], costFormat = spec.x.startsWith("bytes") ? bytes : short;
      const up = spec.percent ? [Math.max(0, low - room), Math.min(1.005, high + room)] : [low - room, high + room];
      const levels = d3.ticks(...up, 5), format = d3.tickFormat(...up, 5, spec.percent ? "%" : undefined); // of the axis: as many digits as its step needs
      const marginLeft = Math.max(52, 14 + d3.max(levels, (y) => wide(format(y)))), marginRight = 24;
      const options = {
        width, height: 300, marginLeft, marginRight, marginTop: 26, marginBottom: 46, grid: true,
        x: { label: spec.x + " →", type: log ? "log" : "linear", labelArrow: "none", domain: across, tickFormat: costFormat,
             ticks: (log ? clearLogTicks : clearTicks)(...across, width - marginLeft - marginRight, costFormat) },
        y: { label: "↑ " + spec.y, tickFormat: format, labelArrow: "none", domain: up, ticks: levels, reverse: spec.better < 0 },
      };
      const plain = Plot.plot({ ...options, marks: [Plot.dot(points, { x: "x", y: "y" })] });
      const named = points.length > 8 ? front : points; // the others by pointing at them, and in the table
      const labels = placed(named, plain.scale("x"), plain.scale("y"), width, 300);
      const several = new Set(points.map((p) => p.run)).size > 1;
      const runs = [...new Set(points.map((p) => p.run))];
      const colour = (p) => (several ? colours[runs.indexOf(p.run) % colours.length] : colours[0]);
      return Plot.plot({
        ...options,
        marks: [
          Plot.line(front, { x: "x", y: "y", curve: "step-after", stroke: soft, strokeDasharray: "3 3" }),
          Plot.dot(points, { x: "x", y: "y", r: 5.5, fill: (p) => (p.front ? colour(p) : "var(--panel)"), stroke: colour, strokeWidth: 2,
                             channels: { file: "label" }, tip: { format: { fill: false, stroke: false } } }),
          ...labels.map((l) => Plot.text([l.point], { x: "x", y: "y", text: () => l.words, dx: l.dx, dy: l.dy,
                                                       textAnchor: l.anchor, fill: ink, stroke: "var(--panel)", strokeWidth: 4 })),
        ],
      });
    },
    waterfall({ steps }, width) {
      const last = steps.length - 1, rows = [];
      steps.forEach((s, n) => {
        const from = n === 0 ? 0 : s.bytes - s.change;
        rows.push({ step: s.step, low: Math.min(from, s.bytes), high: Math.max(from, s.bytes), shown: n === 0 ? d3.format(",")(s.bytes) : d3.format("+,")(s.change),
                    colour: n === 0 ? soft : s.change > 0 ? colours[1] : colours[0], order: n });
      });
      rows.push({ step: "= smallest file, zipped", low: 0, high: steps[last].bytes, shown: d3.format(",")(steps[last].bytes), colour: colours[2], order: last + 1 });
      // Names stand left of their bars; on a phone there is no room, and they stand above them.
      const above = width < 500, marginLeft = above ? 6 : 210, marginRight = 74, most = d3.max(rows, (r) => r.high);
      const name = (s) => shortened(s, Math.floor((above ? width - 12 : marginLeft - 12) / 6.8));
      return Plot.plot({
        width, height: 44 + (above ? 46 : 38) * rows.length, marginLeft, marginRight, marginBottom: 32,
        x: { label: null, tickFormat: bytes, grid: true, domain: [0, most], ticks: clearTicks(0, most, width - marginLeft - marginRight, bytes) },
        y: { label: null, domain: rows.map((r) => r.step), tickSize: 0, tickFormat: above ? () => "" : name },
        marks: [
          above ? Plot.text(rows, { y: "step", text: (r) => name(r.step), frameAnchor: "left", textAnchor: "start", dy: -9, fill: "var(--soft)", stroke: "var(--panel)", strokeWidth: 4 }) : null,
          Plot.barX(rows, { x1: "low", x2: "high", y: "step", fill: "colour", insetTop: above ? 23 : 5, insetBottom: above ? 2 : 5, rx: 2 }),
          Plot.text(rows, { x: "high", y: "step", text: "shown", textAnchor: "start", dx: 6, dy: above ? 10 : 0, fill: ink }),
        ],
      });
    },
    weights(spec, width) {
      const { largest: most, before, after, grid } = spec, bins = [], count = after.counts.length;
      const edges = d3.range(count + 1).map((i) => most * ((2 * i) / count - 1));
      after.counts.forEach((n, i) => bins.push({ x1: edges[i], x2: edges[i + 1], after: n, before: before ? before.counts[i] : 0 }));
      const half = grid ? Math.min(Math.floor(most / grid.step), (grid.num_levels - 1) / 2) : 0;
      const span = grid ? [{ low: -half * grid.step, high: half * grid.step }] : [];
      const ticks = half && half < width / 7 ? d3.range(-half, half + 1).map((k) => k * grid.step) : [];
      const outline = before ? bins.flatMap((b) => [{ x: b.x1, y: b.before }, { x: b.x2, y: b.before }]) : [];
      return Plot.plot({
        width, height: 136, marginLeft: 18, marginRight: 18, marginTop: 6, marginBottom: 24,
        x: { label: null, ticks: [-most, 0, most].map((x) => x * 0.999), tickFormat: (x) => d3.format(".2~g")(Math.abs(x) < most / 100 ? 0 : x), tickSize: 3 },
        y: { axis: null, insetBottom: 7 },
        marks: [
          Plot.rectY(bins, { x1: "x1", x2: "x2", y: "after", fill: colours[0], fillOpacity: 0.75, insetLeft: 0.3, insetRight: 0.3 }),
          Plot.line(outline, { x: "x", y: "y", stroke: ink, strokeWidth: 1.1, strokeOpacity: 0.75 }),
          Plot.ruleY([0], { stroke: "var(--line)"}),
          Plot.rect(span, { x1: "low", x2: "high", y1: null, y2: null, fill: colours[1], fillOpacity: ticks.length ? 0.25 : 0.8, insetTop: 102, insetBottom: -1 }),
          Plot.ruleX(ticks, { stroke: colours[1], strokeWidth: 1, insetTop: 102, insetBottom: -1 }),
        ],
      });
    },
    confusion({ matrix, names }, width) {
      const cells = matrix.flatMap((row, i) => row.map((n, j) => ({ is: names[i], as: names[j], n, share: n / (d3.sum(row) || 1), right: i === j })));
      const count = names.length, longest = d3.max(names, (n) => Math.min(n.length, 20)), long = longest > 3;
      const margin = Math.min(width * 0.3, 14 + 7 * longest), top = long ? 12 + 5.8 * longest : 24, right = long ? 6 + 3.2 * longest : 6;
      const size = Math.min(width, 520), tall = top + (size - margin - right) * (count > 3 ? 1 : 0.6), tickFormat = (n) => shortened(n, 20);
      return Plot.plot({
        width: size, height: tall, marginLeft: margin, marginTop: top, marginBottom: 6, marginRight: right,
        x: { label: null, axis: "top", domain: names, tickSize: 0, tickFormat, tickRotate: long ? -60 : 0 }, y: { label: null, domain: names, tickSize: 0, tickFormat },
        marks: [
          Plot.cell(cells, { x: "as", y: "is", fill: (c) => (c.right ? colours[0] : colours[1]), fillOpacity: (c) => (c.n ? 0.12 + 0.6 * Math.sqrt(c.share) : 0), inset: 0.5, rx: 2 }),
          Plot.frame({ stroke: "var(--line)" }),
          Plot.text(count <= 16 ? cells.filter((c) => c.n) : [], { x: "as", y: "is", text: (c) => d3.format(",")(c.n), fill: ink, fontSize: count > 12 ? 9 : 11 }),
        ],
      });
    },
    errors({ edges, counts }, width) {
      const bins = counts.map((n, i) => ({ x1: edges[i], x2: edges[i + 1], n })), format = d3.format(".3~g"), marginLeft = 44, marginRight = 20;
      const ticks = clearTicks(edges[0], edges[edges.length - 1], width - marginLeft - marginRight, format);
      return Plot.plot({
        width, height: 220, marginLeft, marginRight, marginBottom: 36, x: { label: "predicted less target →", labelArrow: "none", ticks, tickFormat: format }, y: { label: null, grid: true, ticks: 4, tickFormat: bytes },
        marks: [Plot.rectY(bins, { x1: "x1", x2: "x2", y: "n", fill: colours[0], insetLeft: 0.5 }), Plot.ruleX([0], { stroke: ink })],
      });
    },
    curves({ curves }, width) {
      const names = Object.keys(curves), rows = names.flatMap((name) => curves[name].map((value, epoch) => ({ name, epoch: epoch + 1, value })));
      const most = d3.max(rows, (r) => r.epoch);
      return Plot.plot({
        width, height: 180, marginLeft: 44, marginBottom: 38, marginTop: 8,
        x: { label: "epoch →", labelArrow: "none", ticks: d3.ticks(1, Math.max(2, most), 6).filter(Number.isInteger), tickFormat: "d", domain: [1, Math.max(2, most)] }, y: { label: null, grid: true, ticks: 4 },
        color: { domain: names, range: colours.slice(0, names.length), legend: false },
        marks: [
          Plot.line(rows, { x: "epoch", y: "value", stroke: (r) => colours[names.indexOf(r.name) % 6], z: "name", strokeWidth: 1.8 }),
          most < 3 ? Plot.dot(rows, { x: "epoch", y: "value", fill: (r) => colours[names.indexOf(r.name) % 6] }) : null,
        ],
      });
    },
    latency({ rows }, width) {
      const margin = Math.min(width * 0.34, 130), files = [...new Set(rows.map((r) => r.file))];
      const many = rows.map((r) => ({ ...r, low: r.quantiles[1] ?? r.median, high: r.quantiles[19] ?? r.p90, q1: r.quantiles[5] ?? r.median, q3: r.quantiles[15] ?? r.p90 }));
      const checks = [...new Set(rows.map((r) => r.check))], domain = [d3.min(many, (r) => r.low) / 1.2, d3.max(many, (r) => r.high) * 1.2];
      return Plot.plot({
        width, height: 40 + files.length * (checks.length * 17 + 30), marginLeft: margin, marginRight: 16, marginTop: 22, marginBottom: 40,
        x: { type: "log", label: "ms →", labelArrow: "none", grid: true, ticks: clearLogTicks(...domain, width - margin - 16, short), tickFormat: short, domain },
        y: { label: null, domain: checks, tickSize: 0 }, fy: { label: null, domain: files, axis: null, padding: 0.35 },
        marks: [
          Plot.text(files, { fy: (f) => f, text: (f) => f, frameAnchor: "top-left", dy: -14, dx: -margin + 2, fill: ink, fontWeight: 600 }),
          Plot.ruleY(many, { fy: "file", y: "check", x1: "low", x2: "high", stroke: colours[0] }),
          Plot.barX(many, { fy: "file", y: "check", x1: "q1", x2: "q3", fill: colours[0], fillOpacity: 0.45, insetTop: 3, insetBottom: 3 }),
          Plot.tickX(many, { fy: "file", y: "check", x: "median", stroke: ink, strokeWidth: 2 }),
        ],
      });
    },
  };

  // Labels beside their points, each moved until it covers none that is placed already.
  function placed(points, x, y, width, height) {
    const taken = points.map((p) => box(x.apply(p.x) - 6, y.apply(p.y) - 6, 12, 12));
    return points.map((point) => {
      const px = x.apply(point.x), py = y.apply(point.y), words = shortened(point.label, Math.min(30, Math.floor((width - 60) / 6.8)));
      const w = wide(words), tries = [];
      for (const up of [0, -15, 15, -28, 28, -41, 41, -54, 54]) {
        tries.push({ dx: 11, dy: up, anchor: "start", box: box(px + 9, py + up - 7, w, 14) });
        tries.push({ dx: -11, dy: up, anchor: "end", box: box(px - 9 - w, py + up - 7, w, 14) });
      }
      for (const up of [-15, 15, -28, 28, -41, 41]) { // above or below, where neither side has room
        const left = Math.max(42, Math.min(px - w / 2, width - w - 2));
        tries.push({ dx: left - px, dy: up, anchor: "start", box: box(left, py + up - 7, w, 14) });
      }
      const inside = (t) => t.box.x1 > 40 && t.box.x2 < width && t.box.y1 > 0 && t.box.y2 < height - 34;
      const best = tries.find((t) => inside(t) && !taken.some((b) => overlaps(b, t.box))) || tries.find(inside) || tries[0];
      taken.push(best.box);
      return { point, words, ...best };
    });
  }
  const box = (x, y, w, h) => ({ x1: x, y1: y, x2: x + w, y2: y + h });
  const overlaps = (a, b) => a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;

  function drawInto(place) {
    const chart = charts[place.dataset.chart];
    const width = Math.floor(place.clientWidth);
    if (!chart || width < 40 || place.dataset.width === String(width)) return;
    place.dataset.width = String(width);
    // What the report says already is not in the page a second time.
    const found = chart.path.length ? chart.path.reduce((value, key) => value[key], reports[0]) : {};
    const drawing = draw[chart.kind]({ ...found, ...chart }, width);
    drawing.setAttribute("aria-hidden", "true");
    place.replaceChildren(drawing);
  }
  const drawAll = () => document.querySelectorAll(".plot").forEach(drawInto);

  // One of several parts at a time.
  document.querySelectorAll(".choices").forEach((group) => {
    const list = group.querySelector("select");
    const show = () => {
      group.querySelectorAll(".choice").forEach((part) => (part.hidden = part.dataset.choice !== list.value));
      group.querySelectorAll(".choice:not([hidden]) .plot").forEach(drawInto);
    };
    list.addEventListener("change", show);
    show();
  });

  // Tables sort by a click on a heading.
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0], original = [...body.rows];
    table.tHead.querySelectorAll("th").forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      if (!button.textContent) button.innerHTML = '<span class="hidden">order</span>';
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.classList.contains("number") ? heading.getAttribute("aria-sort") !== "descending" : heading.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => {
          const cell = row.cells[column];
          return "value" in cell.dataset ? Number(cell.dataset.value) : heading.classList.contains("number") ? -Infinity : cell.textContent.toLowerCase();
        };
        const order = down ? d3.descending : d3.ascending;
        body.append(...original.slice().sort((a, b) => order(value(a), value(b))));
        table.classList.toggle("by-other", !(column === 0 && !down));
      });
    });
  });

  // Light or dark: the system's, until the button says otherwise.
  const root = document.documentElement, button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => (button.textContent = isDark() ? "Light" : "Dark");
  try { const kept = localStorage.getItem("tfcompress-theme"); if (kept) root.dataset.theme = kept; } catch { /* no storage in a frame */ }
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("tfcompress-theme", root.dataset.theme); } catch { /* likewise */ }
    name();
  });
  system.addEventListener("change", name);
  name();

  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 120); });
  drawAll();

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((found) => found.forEach((each) => {
    if (!each.isIntersecting) return;
    links.forEach((a) => { a.classList.remove("here"); a.removeAttribute("aria-current"); });
    const link = links.get(each.target.id);
    link?.classList.add("here");
    link?.setAttribute("aria-current", "true");
  }), { rootMargin: "-10% 0px -80% 0px" });
  document.querySelectorAll("main section").forEach((section) => seen.observe(section));
})();
