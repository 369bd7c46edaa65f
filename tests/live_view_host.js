"use strict";
// A stub of a page and of its host, around the live view's script; run by node, a scenario at a time.
const assert = require("node:assert");

class Node {
  constructor(tag) {
    Object.assign(this, { tag, style: {}, children: [], attributes: {}, hidden: false, heard: {}, clientWidth: 600 });
  }
  setAttribute(key, value) { this.attributes[key] = String(value); }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; this.textContent = undefined; }
  addEventListener(type, listener) { this.heard[type] = listener; }
  focus() { document.activeElement = this; }
  getBoundingClientRect() { return { height: 100 }; }
  get text() { return (this.textContent || "") + this.children.map((it) => it.text).join(" "); }
  all(tag) { return this.children.flatMap((it) => [...(it.tag === tag ? [it] : []), ...it.all(tag)]); }
}
const tags = new Set(), nodes = new Map(), listeners = [], sent = [], timers = new Map();
const made = (tag) => { tags.add(tag); return new Node(tag); };
let clock = 0, observed = true, resize = null;
globalThis.innerWidth = 600;
globalThis.document = {
  body: new Node("body"), documentElement: new Node("html"), activeElement: null,
  createElement: made, createElementNS: (_, tag) => made(tag),
  getElementById: (id) => nodes.get(id) || nodes.set(id, new Node(id)).get(id),
};
globalThis.ResizeObserver = class {
  constructor(told) { resize = told; }
  observe() {}
  disconnect() { observed = false; }
};
globalThis.parent = { postMessage: (message) => { sent.push(message); setImmediate(reply, message); } };
globalThis.addEventListener = (_, listener) => listeners.push(listener);
globalThis.setTimeout = (work, ms) => timers.set(++clock, { work, ms }) && clock;
globalThis.clearTimeout = (id) => timers.delete(id);

const tell = (data, source = parent) => listeners.forEach((it) => it({ source, data: { jsonrpc: "2.0", ...data } }));
const PAGE_OF = /trials\?limit=(\d+)&offset=(\d+)/, ROWS_CHARACTERS = 5400, MOST_ROWS = 25;
// A page ends as the server's does: where the trials asked for end, or its characters.
function pageOf(trials, limit, offset) {
  assert.ok(limit >= 1 && limit <= MOST_ROWS && offset >= 0, `no such page: ${limit} from ${offset}`);
  const lengths = trials.slice(offset, offset + limit).map((it) => JSON.stringify(it).length + 1);
  let room = ROWS_CHARACTERS, end = offset;
  for (const length of lengths) if ((room -= length) >= 0 || end === offset) end += 1; else break;
  const more = end > offset && end < trials.length;
  return { trials: trials.slice(offset, end), next_offset: more ? end : null };
}
const host = {
  status: null, trials: [], compared: [], context: {},
  "ui/initialize": () => ({ hostContext: host.context }),
  "tools/call": ({ name }) => host[name](),
  get_automl_study_status: () => ({ structuredContent: host.status }),
  compare_automl_trials: () => ({ structuredContent: { trials: host.compared } }),
  stop_automl_study: () => ({ structuredContent: {
    name: "s", state: "RUNNING", stopping: true, changed: true, done: 2, n_trials: 10 } }),
  "resources/read": ({ uri }) => {
    const [, limit, offset] = uri.match(PAGE_OF) || [];
    const measurements = [0.1, 0.2].map((acc, n) => ({ epoch: n + 1, metrics: { acc } }));
    return { contents: [{ text: JSON.stringify(limit ? pageOf(host.trials, +limit, +offset) : { measurements }) }] };
  },
};
function reply({ id, method, params }) {
  if (id === undefined || method === undefined || !host[method]) return;
  const answer = host[method](params);
  if (answer !== "silence") tell(answer.error ? { id, error: answer.error } : { id, result: answer });
}
const calm = async () => { for (let n = 0; n < 60; n++) await new Promise(setImmediate); };
const looks = () => [...timers.values()].filter((it) => it.ms < 60000);
async function nextLook() {
  const [[id, { work }]] = [...timers].filter(([, it]) => it.ms < 60000);
  timers.delete(id);
  work();
  await calm();
}
const asked = (name) => sent.filter((it) => it.method === name || (it.params && it.params.name === name));
const pagesRead = () => asked("resources/read").map((it) => it.params.uri).filter((uri) => PAGE_OF.test(uri));

const trial = (number, value, more = {}) => (
  { number, value, state: "COMPLETE", params: {}, cost_usd: 0, epoch: 1, reason: "", ...more });
const trialsOf = (many, value, parameters = 0) => {
  const params = Object.fromEntries(Array.from({ length: parameters }, (_, n) => [`parameter_number_${n}`, n / 7]));
  return Array.from({ length: many }, (_, n) => trial(n, value(n), { params }));
};
function statusOf(more = {}, study = {}) {
  return { study: { name: "s", state: "RUNNING", model: "m", data: "", n_trials: 10,
    objective: "acc", direction: "maximize", cost_budget_usd: null, reason: "", created_at: "2026-01-04T00:00:00Z",
    ...study },
  done: 2, stopping: false, never_started: 0, best: null, elapsed_s: 119.7, remaining_s: null, cost_usd: 0,
  budget_share: null, budget_trials: null, notes: [], running: [], counts: { COMPLETE: 2 }, next_look_s: 5, ...more };
}
const byName = document.getElementById;
byName("sure").hidden = true;
async function shows(status, trials = []) {
  Object.assign(host, { status, trials });
  tell({ method: "ui/notifications/tool-result", params: { structuredContent: status } });
  await calm();
}
const marks = () => byName("history").all("g").map((it) => it.children[0].textContent);
const drawnNumbers = () => marks().map((it) => parseInt(it.slice(1)));
const hiddenNow = () => [byName("sure").hidden, byName("stop").hidden];

// THE SCRIPT

const SCENARIOS = {
  async "draws what its host sends and nothing else"() {
    tell({ method: "ui/notifications/tool-result", params: { structuredContent: statusOf() } }, {});
    assert.equal(byName("name").textContent, undefined);
    await shows(statusOf());
    assert.equal(byName("name").textContent, "s");
    assert.match(byName("facts").text, /2 min 0 s/);
    assert.match(byName("facts").text, /none yet/);
    assert.match(byName("history").text, /No trial has finished an epoch/);
    assert.equal(byName("stop").hidden, false);
    tell({ id: "x", method: "ui/whatever" });
    assert.equal(sent.at(-1).error.code, -32601);
  },
  async "knows a best trial older than what it draws"() {
    const trials = trialsOf(400, (n) => n === 3 ? 0.9 : 0.5 + n / 10000);
    await shows(statusOf({ counts: { COMPLETE: 400 }, done: 400, best: trials[3] }, { n_trials: 500 }), trials);
    const line = byName("history").all("path").map((it) => it.attributes.d).find((d) => d.includes("H"));
    assert.equal(new Set([...line.matchAll(/[V ]([0-9.]+)/g)].map((it) => it[1])).size, 1, line);
    assert.match(byName("caption").textContent, /the latest 300 of 400 trials/);
    assert.equal(pagesRead().length, 12);
    await nextLook();
    assert.equal(pagesRead().length, 12, "what has ended is read once");
  },
  async "reads on where the server cuts a page, and what has ended once"() {
    const trials = trialsOf(60, (n) => n / 100, 7);
    const status = statusOf({ counts: { COMPLETE: 59, RUNNING: 1 }, done: 59 }, { n_trials: 60 });
    Object.assign(trials[59], { state: "RUNNING" });
    await shows(status, trials);
    assert.deepEqual(drawnNumbers(), trials.map((it) => it.number));
    assert.ok(pageOf(trials, 25, 0).trials.length < 25, "the server cuts its pages");
    const first = pagesRead().length;
    assert.ok(first <= 5, `${first} pages were read`);
    await nextLook();
    assert.deepEqual(pagesRead().slice(first).map((uri) => uri.match(PAGE_OF)[2]), ["59"], "only what still runs");
    assert.equal(marks().length, 60);
  },
  async "spreads many short pages over a few looks, also once nothing will change"() {
    const trials = trialsOf(350, (n) => n / 1000, 60), counts = { COMPLETE: 250, WAITING: 100 };
    // What may change is read at each look, and must not keep it from what was never read.
    for (const it of trials.slice(50, 150)) it.state = "WAITING";
    await shows(statusOf({ counts, done: 250, next_look_s: null }, { state: "STOPPED", n_trials: 350 }), trials);
    assert.equal(pagesRead().length, 24);
    assert.match(byName("caption").textContent, /; \d+ of the latest 300 trials, the others are being read/);
    for (let most = 15; looks().length && most; most--) {
      const before = pagesRead().length;
      await nextLook();
      assert.ok(pagesRead().length - before <= 24);
    }
    assert.deepEqual(drawnNumbers(), trials.slice(50).map((it) => it.number));
    assert.match(byName("caption").textContent, /the latest 300 of 350 trials/);
    assert.equal(looks().length, 0, "it rests");
  },
  async "shows how a trial has ended that ran when it was read, also once nothing will change"() {
    const trials = trialsOf(48, (n) => n / 1000, 150), counts = { COMPLETE: 47, RUNNING: 1 };
    trials[5].state = "RUNNING";
    await shows(statusOf({ counts, done: 47 }, { n_trials: 48 }), trials);
    assert.equal(pagesRead().length, 24, "one trial a page");
    assert.match(byName("caption").textContent, /; 24 of 48 trials, the others are being read/);
    trials[5] = { ...trials[5], state: "COMPLETE" };
    const all = { counts: { COMPLETE: 48 }, done: 48, next_look_s: null };
    host.status = statusOf(all, { state: "COMPLETE", n_trials: 48 });
    for (let most = 3; looks().length && most; most--) await nextLook();
    assert.ok(marks().includes("#5 complete: 0.005"), marks()[5]);
    assert.deepEqual([marks().length, looks().length], [48, 0]);
  },
  async "does not promise trials that it has stopped to read"() {
    const counts = { COMPLETE: 9 };
    await shows(statusOf({ counts, done: 9, next_look_s: null }, { state: "COMPLETE" }), trialsOf(4, (n) => n / 10));
    assert.match(byName("caption").textContent, /; 4 of 9 trials, the others cannot be read/);
    assert.equal(looks().length, 0);
  },
  async "says each state by its own word"() {
    const trials = [trial(0, 0.5), trial(1, 0.6), trial(2, 0.4, { state: "PRUNED", reason: "hopeless" }),
      trial(3, 0.3, { state: "RUNNING" }), trial(4, null, { state: "FAIL", reason: "ValueError: no" }),
      trial(5, 0.45, { state: "WAITING", reason: "stopped by the user" }),
      trial(6, null, { state: "WAITING", epoch: 0 })];
    const counts = { COMPLETE: 2, PRUNED: 1, RUNNING: 1, FAIL: 1, WAITING: 2 };
    await shows(statusOf({ counts, done: 3, never_started: 6 }), trials);
    assert.equal(byName("counts").textContent, "2 complete, 1 pruned, 1 running, 1 failed, 1 interrupted, 1 waiting");
    assert.deepEqual(byName("legend").children.map((it) => it.text.trim()),
      ["complete", "pruned", "running", "interrupted", "failed", "best so far"]);
    assert.deepEqual(marks(), ["#0 complete: 0.5000", "#1 complete: 0.6000", "#2 pruned: 0.4000; hopeless",
      "#3 running: 0.3000", "#5 interrupted: 0.4500; stopped by the user", "#4 failed: ValueError: no"]);
    const shapes = byName("history").all("g").map(({ children: [, { tag, attributes: { fill, d = "" } }] }) =>
      JSON.stringify([tag, fill, d.replace(/[-0-9. ]/g, "")]));
    assert.equal(new Set(shapes).size, 5, "no two states look alike: " + shapes);
    assert.match(byName("failed").text, /#4: +ValueError: no/);
    assert.match(byName("interrupted").text, /#5: +after 1 epoch; stopped by the user/);
  },
  async "draws far outliers at the edge"() {
    for (const [direction, sign, side] of [["maximize", -1, "below 0.5000"], ["minimize", 1, "above 0.7000"]]) {
      const values = [0.5, 0.6, 0.7, 0.65, sign * 1e6], trials = values.map((value, n) => trial(n, value));
      await shows(statusOf({ counts: { COMPLETE: 5 } }, { direction, created_at: direction }), trials);
      const heights = byName("history").all("circle").map((it) => +it.attributes.cy);
      assert.ok(Math.abs(heights[0] - heights[2]) > 100, "the others have the room: " + heights);
      assert.equal(byName("outside").textContent, `1 value ${side}, drawn at the edge`);
      const arrows = byName("history").all("g").filter((it) => it.children.length === 3);
      assert.equal(arrows.length, 1, "an arrow points out");
    }
    assert.deepEqual(edges([0.9, 0.9, 0.9, 0.9, 0.1], true), { low: 0.1, high: 0.9, outside: 0 });
    assert.deepEqual(edges([1], false), { low: 1, high: 1, outside: 0 });
  },
  async "labels its axis with round numbers that differ"() {
    const ranges = [[0, 1], [0.98470, 0.98472], [-252, 0.9], [1e-9, 3e-9], [1e7, 3e7], [0.13, 0.99], [5, 5]];
    for (const [low, high] of ranges) {
      const labels = ticks(low, high).map(([, label]) => label);
      assert.equal(new Set(labels).size, labels.length, labels.join());
      assert.ok(labels.length >= (high > low ? 3 : 1) && labels.length <= 8, labels.join());
    }
    assert.deepEqual(ticks(0.81, 0.99).map(([, label]) => label), ["0.85", "0.90", "0.95"]);
  },
  async "alarms about what needs attention only"() {
    const complete = { state: "COMPLETE", reason: "all 10 trials are done" };
    await shows(statusOf({ next_look_s: null, notes: ["MLflow is down"] }, complete));
    assert.deepEqual(byName("notes").children.map((it) => [it.text, it.attributes.class]),
      [["all 10 trials are done", "note quiet"], ["! MLflow is down", "note attention"]]);
    assert.deepEqual([byName("state").textContent, byName("state").style.color], ["✓ COMPLETE", "var(--good)"]);
    await shows(statusOf({ next_look_s: null }, { state: "FAILED", reason: "five trials failed alike" }));
    assert.equal(byName("notes").children[0].attributes.class, "note bad");
    await shows(statusOf({ budget_share: 0.9, budget_trials: 1 }));
    assert.equal(byName("notes").text, "! 90 % of the budget is spent; the rest pays for about 1 more trial");
  },
  async "asks before it stops and says what has happened"() {
    await shows(statusOf());
    byName("stop").heard.click();
    assert.deepEqual([...hiddenNow(), document.activeElement.tag], [false, true, "go-on"]);
    byName("sure").heard.keydown({ key: "Escape" });
    assert.deepEqual([...hiddenNow(), document.activeElement.tag], [true, false, "stop"]);
    assert.equal(asked("stop_automl_study").length, 0);
    byName("stop").heard.click();
    host.status = statusOf({ stopping: true });
    byName("stop-now").heard.click();
    assert.equal(byName("stop-now").disabled, true);
    await calm();
    assert.equal(asked("stop_automl_study").length, 1);
    assert.match(byName("answer").text, /Stopping: .* 2 of 10 trials are done/);
    assert.deepEqual([...hiddenNow(), byName("state").textContent], [true, true, "■ STOPPING"]);
    host.status = statusOf({ next_look_s: null, done: 3 }, { state: "STOPPED", reason: "stopped by the user" });
    await nextLook();
    assert.match(byName("answer").text, /Stopped\. 3 of 10 trials are done/);
  },
  async "says why it could not stop and lets one try again"() {
    await shows(statusOf());
    byName("stop").heard.click();
    host["resources/read"] = () => ({ error: { code: -32601, message: "no resources here" } });
    host.stop_automl_study = () => ({ isError: true, content: [{ text: "it is not yours" }] });
    byName("stop-now").heard.click();
    await calm();
    assert.match(byName("answer").text, /could not be stopped: it is not yours/);
    assert.match(byName("trouble").text, /trials could not be read: no resources here/);
    assert.deepEqual([...hiddenNow(), byName("stop-now").disabled], [true, false, false]);
  },
  async "takes texts as texts"() {
    const img = "<img src=x onerror=alert(1)>", params = { [img]: img };
    const trials = [trial(0, 0.5, { params }), trial(1, null, { state: "FAIL", reason: img })];
    host.compared = [trials[0]];
    await shows(statusOf({ best: trials[0], running: [trial(2, 0.1, { state: "RUNNING", params })], notes: [img] },
      { name: img, model: img, data: img, objective: img, reason: img }), trials);
    const parts = ["name", "data", "facts", "notes", "running", "failed", "best"];
    assert.deepEqual(parts.filter((part) => !byName(part).text.includes(img)), []);
    assert.ok(!tags.has("img"));
    assert.ok(pagesRead()[0].startsWith("automl://studies/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/trials?"));
  },
  async "keeps running rows and their curves where they are"() {
    const params = { epochs: 4 };
    const at = (epoch) => statusOf({ running: [trial(3, 0.1 * epoch, { state: "RUNNING", epoch, params })] });
    await shows(at(1));
    const [row] = byName("running").children, [svg] = row.all("svg");
    assert.ok(svg, "its curve is drawn");
    await shows(at(2));
    assert.ok(byName("running").children[0] === row && row.all("svg")[0] === svg);
    assert.match(row.text, /epoch 2 of 4, 0\.2000/);
    await shows(statusOf());
    assert.equal(byName("running-part").hidden, false, "it does not vanish between two trials");
    assert.match(byName("running").text, /None right now/);
  },
  async "says in words what goes wrong and recovers"() {
    const refused = { isError: true, content: [{ text: "there is no such study" }] };
    tell({ method: "ui/notifications/tool-result", params: refused });
    assert.equal(byName("trouble").text, "there is no such study");
    await shows(statusOf());
    assert.equal(byName("trouble").text, "");
    const well = host.get_automl_study_status;
    host.get_automl_study_status = () => ({ error: { message: "connection closed" } });
    await nextLook();
    assert.match(byName("trouble").text, /may be old: connection closed/);
    assert.equal(byName("name").textContent, "s", "what was known stays");
    host.get_automl_study_status = () => "silence";
    await nextLook();
    [...timers.values()].find((it) => it.ms === 60000).work();
    await calm();
    assert.match(byName("trouble").text, /has not answered for a minute/);
    host.get_automl_study_status = well;
    await nextLook();
    assert.equal(byName("trouble").text, "");
  },
  async "lets nothing run on once its host is gone"() {
    await shows(statusOf());
    host.get_automl_study_status = () => "silence";
    await nextLook();
    assert.ok(timers.size > 0);
    tell({ id: "y", method: "ui/resource-teardown" });
    assert.deepEqual(sent.at(-1), { jsonrpc: "2.0", id: "y", result: {} });
    const before = sent.length;
    assert.deepEqual([timers.size, observed], [0, false]);
    await shows(statusOf());
    resize();
    assert.deepEqual([timers.size, sent.length], [0, before]);
  },
  async "does not look again once its host is gone"() {
    await shows(statusOf());
    assert.equal(looks().length, 1);
    tell({ id: "y", method: "ui/resource-teardown" });
    assert.equal(timers.size, 0);
  },
  async "says nothing of its size while it is hidden"() {
    innerWidth = 0;
    resize();
    assert.equal(asked("ui/notifications/size-changed").length, 0);
    innerWidth = 320;
    resize();
    resize();
    assert.deepEqual(asked("ui/notifications/size-changed").map((it) => it.params), [{ width: 320, height: 100 }]);
  },
  async "asks for the study that its host named, however much of the name is shown"() {
    tell({ method: "ui/notifications/tool-input", params: { arguments: { study_name: "w".repeat(300) } } });
    await shows(statusOf({}, { name: "w".repeat(199) + "…" }), [trial(0, 0.5)]);
    assert.match(pagesRead()[0], /studies\/w{300}\/trials/);
  },
  async "rests once a study has ended"() {
    await shows(statusOf({ next_look_s: null }, { state: "COMPLETE" }));
    assert.deepEqual([looks().length, timers.size, byName("stop").hidden], [0, 0, true]);
  },
  async "wears its host's light or dark"() {
    await calm();
    assert.equal(document.documentElement.style.colorScheme, undefined);
    tell({ method: "ui/notifications/host-context-changed", params: { theme: "dark" } });
    assert.equal(document.documentElement.style.colorScheme, "dark");
  },
  async "writes numbers as its server does"() {
    const numbers = [0.98470001, 1, 12.3456789, 0.0123456, 0, 123456.7, 0.00001234, -251.98765, NaN];
    assert.deepEqual(numbers.map(score),
      ["0.9847", "1.0000", "12.346", "0.012346", "0", "1.2346e5", "1.234e-5", "-251.99", "–"]);
    assert.deepEqual([1.547e-3, 128, 4.1749e-5, 0.1, true, "adam", null, 1e-5].map(setting),
      ["0.001547", "128", "4.175e-5", "0.1", "true", "adam", "–", "1e-5"]);
    assert.deepEqual([0, 0.00001, 0.0022, 0.5, 12, null].map(money),
      ["$0.00", "under $0.0001", "$0.0022", "$0.50", "$12.00", "–"]);
    assert.deepEqual([5, 119.7, 7260, 90000, null].map(span), ["5 s", "2 min 0 s", "2 h 1 min", "1 d 1 h", "–"]);
  },
};

SCENARIOS[process.argv[2]]().then(() => console.log("all is as it should be")).catch((error) => {
  console.error(error);
  process.exit(1);
});
