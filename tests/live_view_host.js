"use strict";
// A stub of a page and of its host, around the live view's script; run by node.
const assert = require("node:assert");

const paths = [], sent = [], listeners = [], pending = [], clicks = [];
class Node {
  constructor(tag) { Object.assign(this, { tag, style: {}, children: [], attributes: {}, dataset: {}, hidden: false }); }
  setAttribute(key, value) { this.attributes[key] = value; if (key === "d") paths.push(value); }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  addEventListener(_, listener) { clicks.push(listener); }
  get text() { return (this.textContent || "") + this.children.map((it) => it.text).join(" "); }
}
const nodes = new Map();
globalThis.document = {
  body: { scrollWidth: 1, scrollHeight: 1 },
  createElement: (tag) => new Node(tag),
  createElementNS: (_, tag) => new Node(tag),
  getElementById: (id) => nodes.get(id) || nodes.set(id, new Node(id)).get(id),
  querySelectorAll: () => [],
};
globalThis.ResizeObserver = class { observe() {} };
globalThis.parent = { postMessage: (message) => sent.push(message) };
globalThis.addEventListener = (_, listener) => listeners.push(listener);
globalThis.setTimeout = (work) => pending.push(work);
globalThis.clearTimeout = () => { pending.length = 0; };

// THE SCRIPT

const tell = (data, source = parent) => listeners.forEach((it) => it({ source, data: { jsonrpc: "2.0", ...data } }));
const settle = () => new Promise(setImmediate);
const asked = (name) => sent.filter((it) => it.method === name || (it.params && it.params.name === name)).at(-1);
const trial = (number, value) => ({ number, value, state: "COMPLETE", params: {}, cost_usd: 0, epoch: 1 });
const status = {
  study: { name: "s", state: "RUNNING", model: "m", data: "", n_trials: 300, objective: "acc", direction: "maximize",
           cost_budget_usd: null, reason: "" },
  done: 200, stopping: false, best: trial(3, 0.9), elapsed_s: 119.7, remaining_s: null, cost_usd: 0, notes: [],
  running: [], counts: { COMPLETE: 200 }, next_look_s: 5,
};
const result = { method: "ui/notifications/tool-result", params: { structuredContent: status } };
const byName = document.getElementById;

(async () => {
  tell(result, {});
  assert.equal(byName("name").textContent, undefined, "only the host is listened to");
  tell(result);
  assert.equal(byName("name").textContent, "s");
  assert.match(byName("facts").text, /2 min 0 s/);
  assert.equal(byName("stop").hidden, false);

  const compare = asked("compare_automl_trials");
  tell({ id: compare.id, result: { structuredContent: { trials: [] } } });
  for (let page = 0; page < 4; page++) {
    await settle();
    const trials = [trial(100 + 25 * page, 0.5), trial(101 + 25 * page, 0.6)];
    tell({ id: asked("resources/read").id, result: { contents: [{ text: JSON.stringify({ trials }) }] } });
  }
  await settle();
  const line = paths.find((d) => d.includes("H"));
  const heights = [...line.matchAll(/[V ]([0-9.]+)/g)].map((it) => it[1]);
  assert.deepEqual([...new Set(heights)], ["10"], "the best so far is older than what is drawn: " + line);

  clicks[0]();
  tell({ id: asked("stop_automl_study").id, result: { isError: true, content: [{ text: "it is not yours" }] } });
  await settle();
  tell({ id: asked("get_automl_study_status").id, result: { structuredContent: status } });
  await settle();
  assert.match(byName("notes").text, /it is not yours/);
  assert.equal(byName("stop").hidden, true);

  tell({ id: "x", method: "ui/whatever" });
  assert.equal(sent.at(-1).error.code, -32601);
  assert.equal(pending.length, 1);
  tell({ id: "y", method: "ui/resource-teardown" });
  assert.deepEqual(sent.at(-1), { jsonrpc: "2.0", id: "y", result: {} });
  tell(result);
  assert.equal(pending.length, 0, "nobody looks any more");
  console.log("all is as it should be");
})().catch((error) => { console.error(error); process.exit(1); });
