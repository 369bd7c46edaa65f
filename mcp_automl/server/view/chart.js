// Every trial's value by its number, and the best so far.
const SVG = "http://www.w3.org/2000/svg";
const drawn = (tag, attributes, text) => {
  const it = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) it.setAttribute(key, value);
  if (text !== undefined) it.textContent = text;
  return it;
};

// What is far worse than most is drawn at the edge: three times as far from the best as three quarters are.
function edges(values, maximize) {
  const ordered = [...values].sort((a, b) => maximize ? b - a : a - b);
  const best = ordered[0], usual = ordered[Math.floor((3 * ordered.length - 1) / 4)];
  const limit = best + 3 * (usual - best);
  let kept = ordered.filter((value) => maximize ? value >= limit : value <= limit);
  if (usual === best) kept = ordered;
  return { low: Math.min(...kept), high: Math.max(...kept), outside: ordered.length - kept.length };
}

// Round numbers between two others, three to eight of them, with as many digits as tell them apart.
function ticks(low, high) {
  if (!(high > low)) return [[low, score(low)]];
  const widest = (high - low) / 3, power = 10 ** Math.floor(Math.log10(widest));
  const step = [5, 2, 1].map((it) => it * power).find((it) => it <= widest) || power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const label = (value) => digits > 7 || Math.abs(value) >= 1e6 ? exponential(value, 4) : value.toFixed(digits);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, n) => [(first + n) * step, label((first + n) * step)]);
}

// Each state has a shape of its own.
const inked = (fill, stroke, width = 1) => ({ fill, stroke: `var(${stroke})`, "stroke-width": width });
const dot = (x, y, ink) => drawn("circle", { cx: x, cy: y, r: 3.5, ...ink });
const path = (d, ink) => drawn("path", { d, ...ink });
const MARKS = {
  complete: (x, y) => dot(x, y, inked("var(--busy)", "--paper")),
  pruned: (x, y) => path(`M${x - 3.5} ${y - 3.5}l7 7m0 -7l-7 7`, inked("none", "--quiet", 1.6)),
  running: (x, y) => dot(x, y, inked("var(--paper)", "--busy", 1.8)),
  interrupted: (x, y) => path(`M${x - 3.5} ${y - 3.5}h7v7h-7z`, inked("var(--paper)", "--attention", 1.8)),
  failed: (x, y) => path(`M${x} ${y - 4}l4.5 8h-9z`, inked("var(--bad)", "--paper", .8)),
};

function bestSoFar(known, maximize, earlier) {
  let best = earlier;
  return known.filter((trial) => trial.state === "COMPLETE").map((trial) => {
    if (best === null || (maximize ? trial.value > best : trial.value < best)) best = trial.value;
    return [trial.number, best];
  });
}

const hasPlace = (trial) => trial.value !== null && trial.state !== "FAIL";

// Where trials and values lie in a picture that is so wide.
function scales(known, failed, maximize, earlier, width) {
  const numbers = [...known, ...failed].map((trial) => trial.number), values = known.map((trial) => trial.value);
  const { low, high, outside } = edges(earlier === null ? values : [...values, earlier], maximize);
  const first = Math.min(...numbers), last = Math.max(...numbers), levels = ticks(low, high), height = 200;
  const top = 14, bottom = height - (failed.length ? 46 : 28), right = width - 12;
  const left = 12 + 6.6 * Math.max(...levels.map(([, label]) => label.length), failed.length ? 6 : 0);
  const inside = (v) => Math.min(high, Math.max(low, v));
  return { first, last, low, high, outside, levels, width, height, left, right, bottom, inside,
    x: (n) => last === first ? (left + right) / 2 : left + 6 + (right - left - 12) * (n - first) / (last - first),
    y: (v) => high > low ? bottom - 6 - (bottom - top - 12) * (inside(v) - low) / (high - low) : (top + bottom) / 2 };
}

function axes({ first, last, levels, left, right, bottom, height, x, y }, hasFailed) {
  const beside = (at, text) => drawn("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, text);
  const beneath = (at, anchor, n) => drawn("text", { x: at, y: height - 6, "text-anchor": anchor }, `trial ${n}`);
  const across = (at) => drawn("line", { x1: left, x2: right, y1: at, y2: at, stroke: "var(--line)" });
  const ends = last === first ? [beneath(x(first), "middle", first)]
    : [beneath(left, "start", first), beneath(right, "end", last)];
  return [...levels.flatMap(([value, label]) => [across(y(value)), beside(y(value), label)]),
    ...(hasFailed ? [beside(bottom + 14, "failed")] : []), ...ends];
}

function bestLine(known, maximize, earlier, { first, last, x, y }) {
  const line = bestSoFar(known, maximize, earlier);
  if (earlier !== null) line.unshift([first, earlier]);
  if (!line.length || first === last) return [];
  const steps = line.map(([n, best], i) => i ? `H${x(n)}V${y(best)}` : `M${x(n)} ${y(best)}`).join("");
  return [path(`${steps}H${x(last)}`, inked("none", "--good", 2))];
}

// A trial's mark, what it says when pointed at, and an arrow where its value lies outside.
function mark(trial, { high, bottom, inside, x, y }) {
  const word = wordOf(trial), failed = word === "failed", it = drawn("g", {});
  const at = failed ? bottom + 14 : y(trial.value), cx = x(trial.number);
  const value = failed ? "" : score(trial.value), why = trial.reason || (failed ? "no reason is recorded" : "");
  const words = `#${trial.number} ${word}: ${[value, why].filter(Boolean).join("; ")}`;
  it.append(drawn("title", {}, words), MARKS[word](cx, at));
  if (!failed && inside(trial.value) !== trial.value) {
    const out = trial.value > high ? -1 : 1, arrow = `M${cx - 4} ${at + 5 * out}l4 ${4 * out}l4 ${-4 * out}`;
    it.append(path(arrow, inked("none", "--ink", 1.4)));
  }
  return it;
}

// An <svg> as wide as there is room, the words in use, and what the edge hides; null where nothing has a value.
function chart(trials, study, champion, width) {
  const known = trials.filter(hasPlace), failed = trials.filter((trial) => trial.state === "FAIL");
  if (!known.length) return null;
  const maximize = study.direction === "maximize";
  // Only the latest trials are drawn: the best of all may be older.
  const older = champion && champion.state === "COMPLETE" && champion.number < trials[0].number;
  const earlier = older ? champion.value : null;
  const place = scales(known, failed, maximize, earlier, width), { low, high, outside, height } = place;
  const line = bestLine(known, maximize, earlier, place), values = known.map((trial) => trial.value);
  const range = `from ${score(Math.min(...values))} to ${score(Math.max(...values))}`;
  const best = champion ? `; best ${score(champion.value)} in trial ${champion.number}` : "";
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${study.objective} of ${several(known.length, "trial")}, ${range}${best}` });
  svg.append(...axes(place, failed.length > 0), ...line, ...[...known, ...failed].map((trial) => mark(trial, place)));
  const beyond = maximize ? `below ${score(low)}` : `above ${score(high)}`;
  return { svg, line: line.length > 0,
    words: Object.keys(MARKS).filter((word) => [...known, ...failed].some((trial) => wordOf(trial) === word)),
    hidden: outside ? `${several(outside, "value")} ${beyond}, drawn at the edge` : "" };
}

function legend(words, line) {
  const items = words.map((word) => [word, MARKS[word](7, 7)]);
  if (line) items.push(["best so far", path("M0 7h14", inked("none", "--good", 2))]);
  return items.map(([word, mark]) => {
    const item = element("span"), svg = drawn("svg", { width: 14, height: 14 });
    svg.append(mark);
    item.append(svg, element("span", word));
    return item;
  });
}
