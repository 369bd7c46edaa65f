// The host speaks JSON-RPC through postMessage; see the MCP Apps specification (2026-01-26).
const PATIENCE_MS = 60000;
const waiting = new Map();
let last = 0, over = false;

const send = (message) => over || parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const request = (method, params) => new Promise((resolve, reject) => {
  const id = ++last, silence = { message: "this client has not answered for a minute" };
  const late = setTimeout(() => settle(id, undefined, silence), PATIENCE_MS);
  waiting.set(id, { resolve, reject, late });
  send({ id, method, params });
});
function settle(id, result, error) {
  const asked = waiting.get(id);
  if (!asked) return;
  waiting.delete(id);
  clearTimeout(asked.late);
  if (error) asked.reject(new Error(error.message || "this client refused without saying why"));
  else asked.resolve(result);
}
const wordsOf = (result) => (result.content || []).map((it) => it.text || "").join("\n");
const call = async (name, args) => {
  const result = await request("tools/call", { name, arguments: args });
  if (result.isError) throw new Error(wordsOf(result) || `${name} was refused`);
  return result.structuredContent;
};
const read = async (uri) => JSON.parse((await request("resources/read", { uri })).contents[0].text);

// The host's own light or dark holds where it names one, and the system's elsewhere.
const dress = (context) => {
  if (context && context.theme) document.documentElement.style.colorScheme = context.theme;
};

// Nothing may run on, or be sent, once the host takes the view away.
function end() {
  over = true;
  clearTimeout(timer);
  for (const { late } of waiting.values()) clearTimeout(late);
  waiting.clear();
  resized.disconnect();
}

const NEWS = {
  "ui/notifications/tool-input": ({ arguments: given }) => begin((given || {}).study_name),
  "ui/notifications/tool-result": (result) => receive(result),
  "ui/notifications/tool-cancelled": () => look(),
  "ui/notifications/host-context-changed": (context) => dress(context),
};

addEventListener("message", (event) => {
  if (over || event.source !== parent || !event.data || event.data.jsonrpc !== "2.0") return;
  const { id, method, params, result, error } = event.data;
  if (method === undefined) return settle(id, result, error);
  if (method === "ping") return send({ id, result: {} });
  if (method === "ui/resource-teardown") {
    send({ id, result: {} });
    return end();
  }
  if (id !== undefined) return send({ id, error: { code: -32601, message: "not known here: " + method } });
  if (NEWS[method]) NEWS[method](params || {});
});
