// Numbers and texts go in as text, never as mark-up.
const byId = (id) => document.getElementById(id);
const element = (tag, text, attributes = {}) => {
  const it = document.createElement(tag);
  if (text !== undefined) it.textContent = text;
  for (const [key, value] of Object.entries(attributes)) it.setAttribute(key, value);
  return it;
};
// A part with nothing in it is not shown.
const fill = (part, place, items) => {
  byId(part).hidden = !items.length;
  byId(place).replaceChildren(...items);
};
const said = (text, look = "") => !text ? []
  : [element("div", (look === "attention" ? "! " : "") + text, { class: `note ${look}` })];

function facts(status) {
  const { study: it, best } = status;
  const pruned = best && best.state === "PRUNED" ? ", pruned; none is complete" : "";
  const standing = best ? `trial #${best.number}${pruned}` : "";
  const cells = [["Trials", `${status.done} of ${it.n_trials}`, status.done > it.n_trials ? "" : "done"],
    ["Best " + it.objective, best ? score(best.value) : runs(it) ? "none yet" : "none", standing],
    ["Elapsed", span(status.elapsed_s), ""]];
  const remaining = status.remaining_s === null ? "not known yet" : span(status.remaining_s);
  if (runs(it)) cells.push(["Remaining, about", remaining, ""]);
  cells.push(["Cost", money(status.cost_usd), it.cost_budget_usd === null ? "" : "of " + money(it.cost_budget_usd)]);
  return cells.map(([name, value, more]) => {
    const cell = element("div");
    cell.append(element("span", name, { class: "label", title: name }), element("b", value), element("small", more));
    return cell;
  });
}

function notes(status) {
  const look = status.study.state === "FAILED" ? "bad" : "quiet";
  return [...said(status.study.reason, look), ...said(runs(status.study) && budgetInWords(status), "attention"),
    ...status.notes.flatMap((note) => said(note, "attention"))];
}

// Rows stay where they are while their trial runs, and so do their curves.
const rows = new Map();
let most = 1;
function running(status) {
  const kept = status.running.slice(0, 6);
  for (const number of rows.keys()) if (!kept.some((trial) => trial.number === number)) rows.delete(number);
  for (const trial of kept) row(trial);
  const part = byId("running"), more = status.running.length - kept.length;
  byId("running-part").hidden = !runs(status.study);
  const lines = kept.map((trial) => rows.get(trial.number).row);
  most = Math.max(most, kept.length);
  part.setAttribute("style", `--rows:${most}`);
  if (more > 0) lines.push(element("div", `and ${more} more`, { class: "quiet" }));
  if (!kept.length) lines.push(element("div", "None right now", { class: "quiet none" }));
  const same = lines.length === part.children.length && lines.every((line, n) => line === part.children[n]);
  if (!same) part.replaceChildren(...lines);
}

function newRow({ number, params }) {
  const it = { row: element("div", undefined, { class: "trial" }), done: element("i"), drawn: "",
    now: element("span", "", { class: "label" }), curve: element("span", undefined, { class: "curve" }),
    bar: element("div", undefined,
      { class: "bar", role: "progressbar", "aria-label": `epochs of trial ${number}`, "aria-valuemin": 0 }) };
  const chosen = Object.entries(params).filter(([name]) => name !== "epochs")
    .map(([name, value]) => `${name} ${setting(value)}`).join(", ");
  it.bar.append(it.done);
  it.row.append(element("b", "#" + number), it.bar, it.now, it.curve,
    element("span", chosen, { class: "params quiet", title: chosen }));
  return it;
}

function row(trial) {
  if (!rows.has(trial.number)) rows.set(trial.number, newRow(trial));
  const { done, now, bar } = rows.get(trial.number), epochs = trial.params.epochs;
  const words = epochs ? `epoch ${trial.epoch} of ${epochs}` : `epoch ${trial.epoch}`;
  now.textContent = trial.value === null ? words : `${words}, ${score(trial.value)}`;
  // Where nobody knows how long it is, the bar is faint.
  done.setAttribute("style", epochs ? `width:${100 * Math.min(1, trial.epoch / epochs)}%` : "width:100%;opacity:.3");
  bar.setAttribute("aria-valuetext", words);
}

function curve(number, values) {
  const it = rows.get(number);
  if (!it || values.length < 2 || it.drawn === String(values)) return;
  it.drawn = String(values);
  const low = Math.min(...values), spread = Math.max(...values) - low || 1;
  const points = values.map((v, n) => `${2 + 86 * n / (values.length - 1)},${19 - 16 * (v - low) / spread}`);
  const words = `its epochs so far, from ${score(values[0])} to ${score(values.at(-1))}`;
  const svg = drawn("svg", { viewBox: "0 0 90 22", role: "img", "aria-label": words });
  svg.append(drawn("polyline", { points: points.join(" "), fill: "none", stroke: "var(--busy)", "stroke-width": 1.5 }));
  it.curve.replaceChildren(svg);
}

function leaderboard(trials, objective) {
  const all = [...new Set(trials.flatMap((it) => Object.keys(it.params)))], names = all.slice(0, 6);
  const cell = (tag, text) => element(tag, text, tag === "th" ? { scope: "col", title: text } : { title: text });
  const head = element("tr");
  head.append(...["trial", objective, "cost", ...names].map((name) => cell("th", name)));
  const some = all.length > names.length ? `, and ${names.length} of ${all.length} parameters` : "";
  byId("best-title").textContent = "Best trials" + some;
  const lines = trials.map((it) => {
    const line = element("tr"), pruned = it.state === "PRUNED" ? " (pruned)" : "";
    line.append(cell("td", `#${it.number}${pruned}`), cell("td", score(it.value)), cell("td", money(it.cost_usd)),
      ...names.map((name) => cell("td", setting(it.params[name]))));
    return line;
  });
  fill("best-part", "best", lines.length ? [head, ...lines] : []);
}

// What did not end well, the latest first; trials with the same words share a line.
function lines(trials, word, tell) {
  const alike = new Map();
  for (const trial of trials.filter((it) => wordOf(it) === word).reverse()) {
    const text = tell(trial);
    alike.set(text, [...(alike.get(text) || []), trial.number]);
  }
  const made = [...alike].slice(0, 5).map(([text, [latest, ...others]]) => {
    const it = element("li");
    it.append(element("b", `#${latest}${others.length ? ` and ${others.length} more` : ""}: `), element("span", text));
    return it;
  });
  const hidden = [...alike.values()].slice(5).flat().length;
  return hidden ? [...made, element("li", `and ${several(hidden, "other")}`, { class: "quiet" })] : made;
}

function troubled(trials) {
  fill("failed-part", "failed", lines(trials, "failed", (it) => it.reason || "no reason is recorded"));
  fill("interrupted-part", "interrupted", lines(trials, "interrupted", (it) =>
    [it.epoch ? "after " + several(it.epoch, "epoch") : "before its first epoch was done", it.reason,
      "goes on under its number"].filter(Boolean).join("; ")));
}

let shown = null;
const totalOf = ({ counts }) => Object.values(counts).reduce((sum, n) => sum + n, 0);
// How many trials ought to be drawn that have not been read yet.
const lacking = () => Math.min(totalOf(shown.status), LATEST) - shown.trials.length;
function history(trials, status, goesOn) {
  shown = { trials, status, goesOn };
  const { study: it, best } = status, place = byId("history");
  byId("history-part").hidden = !trials.some(hasPlace) && !runs(it);
  const total = totalOf(status), of = (all) => `${trials.length} of ${all} trials`;
  const some = of(total > LATEST ? `the latest ${LATEST}` : total);
  const others = goesOn ? "are being read" : "cannot be read";
  const latest = total > LATEST ? `; the latest ${of(total.toLocaleString("en"))}` : "";
  const part = lacking() ? `; ${some}, the others ${others}` : latest;
  const made = chart(trials, it, best, Math.max(240, place.clientWidth || 640));
  const none = ["No trial has finished an epoch yet.", { class: "quiet", style: "height:200px" }];
  byId("caption").textContent = `${it.objective}, ${it.direction === "maximize" ? "higher" : "lower"} is better${part}`;
  place.replaceChildren(made ? made.svg : element("div", ...none));
  byId("legend").replaceChildren(...(made ? legend(made.words, made.line) : []));
  byId("outside").textContent = made ? made.hidden : "";
}
const redraw = () => shown && history(shown.trials, shown.status, shown.goesOn);
