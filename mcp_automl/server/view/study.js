// One look after the other: status, then trials, then curves, then a rest.
const LATEST = 300, PAGE = 25, PAGES = 24;
let study = null, timer = null, turn = 0, seen = null, stopping = false;

const runs = (it) => it.state === "QUEUED" || it.state === "RUNNING";
const address = () => `automl://studies/${encodeURIComponent(study)}`;
const told = new Map();
// Said again only when it has changed: it may be read aloud.
function say(place, text, look) {
  if (told.get(place) !== text) byId(place).replaceChildren(...said(text, look));
  told.set(place, text);
}
const trouble = (text, look = "attention") => say("trouble", text, look);

function begin(name) {
  study = name || study;
  if (study && !seen) byId("name").textContent = study;
}

function receive(result) {
  if (result.isError) return trouble(wordsOf(result) || "The study's status could not be read.", "bad");
  if (result.structuredContent && result.structuredContent.study) return follow(result.structuredContent);
  look();
}

async function look() {
  if (!study || over) return;
  const mine = ++turn;
  clearTimeout(timer);
  try {
    const status = await call("get_automl_study_status", { study_name: study });
    if (mine === turn && !over) await follow(status);
  } catch (error) {
    if (mine !== turn || over) return;
    trouble(`What is shown may be old: ${error.message}. Looking again in 10 s.`);
    rest(10);
  }
}
const rest = (seconds) => { timer = setTimeout(look, 1000 * seconds); };

// What comes later makes what is still being read pointless.
async function follow(status) {
  const mine = ++turn, stale = () => mine !== turn || over;
  clearTimeout(timer);
  show(status);
  try {
    await details(status, stale);
    if (stale()) return;
    trouble("");
  } catch (error) {
    if (stale()) return;
    trouble(`The trials could not be read: ${error.message}. Trying again in 10 s.`);
    return rest(10);
  }
  if (cut !== null && (lacking() || status.next_look_s === null)) rest(2);
  else if (status.next_look_s !== null) rest(Math.min(10, Math.max(2, status.next_look_s)));
}

function show(status) {
  const it = status.study, [sign, color] = signOf(it.state);
  // As it was asked for, if that is known: what is shown of a very long name is cut.
  study = study || it.name;
  seen = status;
  byId("name").textContent = it.name;
  byId("state").textContent = status.stopping ? "■ STOPPING" : `${sign} ${it.state}`;
  byId("state").style.color = `var(${status.stopping ? "--quiet" : color})`;
  byId("data").textContent = [it.model, it.data].filter(Boolean).join(" · ");
  byId("done").setAttribute("style", `background:var(${color});width:${100 * Math.min(1, status.done / it.n_trials)}%`);
  byId("progress").hidden = false;
  byId("progress").setAttribute("aria-valuemax", it.n_trials);
  byId("progress").setAttribute("aria-valuenow", Math.min(status.done, it.n_trials));
  byId("counts").textContent = countsInWords(status);
  byId("facts").replaceChildren(...facts(status));
  byId("notes").replaceChildren(...notes(status));
  running(status);
  answered(status);
  offer();
}

// What is known of each trial by its place among all, and where the last look had read enough.
const known = new Map();
let age = null, cut = null;
// What was read since nothing will change any more: once is enough, whether or not it has ended.
const settled = new Set();
const ended = (trial) => Boolean(trial) && ["COMPLETE", "PRUNED", "FAIL"].includes(trial.state);

// What has ended is read once. A page may end before its limit, where its characters do: what it lacks is asked for
// next. Where many parameters make pages short, the next look goes on where this one has read enough.
async function latest(status, stale) {
  if (age !== status.study.created_at) known.clear();
  age = status.study.created_at;
  if (cut === null || status.next_look_s !== null) settled.clear();
  const total = totalOf(status), fresh = new Set();
  const drawn = Array.from({ length: Math.min(total, LATEST) }, (_, n) => Math.max(0, total - LATEST) + n);
  const wanted = drawn.filter((place) => !ended(known.get(place)) && !settled.has(place));
  const turned = [...wanted.filter((place) => place >= (cut ?? 0)), ...wanted];
  let left = PAGES;
  cut = null;
  for (const place of turned) {
    if (fresh.has(place)) continue;
    if (left-- === 0) {
      cut = place;
      break;
    }
    const { trials } = await read(`${address()}/trials?limit=${PAGE}&offset=${place}`);
    // Of another study by now: it was read too late, or is fewer than were counted.
    if (stale() || !trials.length) break;
    for (const [n, trial] of trials.entries()) {
      fresh.add(place + n);
      if (status.next_look_s === null) settled.add(place + n);
      known.set(place + n, trial);
    }
  }
  return drawn.filter((place) => known.has(place)).map((place) => known.get(place));
}

async function details(status, stale) {
  const top = { study_name: study, top_k: 10 };
  const compared = status.best ? await call("compare_automl_trials", top) : { trials: [] };
  try {
    const trials = await latest(status, stale);
    if (stale()) return;
    history(trials, status, cut !== null || status.next_look_s !== null);
    troubled(trials);
  } finally {
    // Beneath the history, and so not before it; but also where trials cannot be read.
    if (!stale()) leaderboard(compared.trials, status.study.objective);
  }
  for (const number of [...rows.keys()]) {
    const { measurements } = await read(`${address()}/trials/${number}`);
    if (stale()) return;
    const values = measurements.map((it) => it.metrics[status.study.objective]);
    curve(number, values.filter((value) => typeof value === "number"));
  }
}

// --- stopping: asked once more, and answered in words ---
let answer = [""];
function answered({ study: it, done, stopping: still }) {
  const stopped = { changed: true, stopping: false, done, n_trials: it.n_trials };
  if (it.state === "STOPPED" && answer[0]) answer = [stoppedInWords(stopped), ""];
  else if (!runs(it) || !still && answer[1] !== "bad") answer = [""];
  say("answer", ...answer);
}

function offer() {
  const can = seen && runs(seen.study) && !seen.stopping;
  if (!can && !stopping) byId("sure").hidden = true;
  byId("stop").hidden = !can || !byId("sure").hidden;
}

function ask(sure) {
  byId("sure").hidden = !sure;
  offer();
  byId(sure ? "go-on" : "stop").focus();
}

async function stop() {
  const buttons = [byId("stop-now"), byId("go-on")];
  stopping = true;
  for (const it of buttons) it.disabled = true;
  byId("stop-now").textContent = "Stopping…";
  try {
    answer = [stoppedInWords(await call("stop_automl_study", { study_name: study })), ""];
  } catch (error) {
    answer = [`It could not be stopped: ${error.message}`, "bad"];
  }
  if (over) return;
  say("answer", ...answer);
  stopping = false;
  for (const it of buttons) it.disabled = false;
  byId("stop-now").textContent = "Stop the study";
  byId("sure").hidden = true;
  offer();
  look();
}

byId("stop").addEventListener("click", () => ask(true));
byId("go-on").addEventListener("click", () => ask(false));
byId("stop-now").addEventListener("click", stop);
byId("sure").addEventListener("keydown", (event) => event.key === "Escape" && !stopping && ask(false));

let size = "", drawnAt = 0;
const resized = new ResizeObserver(() => {
  // A hidden frame has no width, and its height means nothing.
  if (!innerWidth) return;
  const [width, height] = [innerWidth, Math.ceil(document.body.getBoundingClientRect().height)];
  if (drawnAt !== width) {
    drawnAt = width;
    redraw();
  }
  if (size !== `${width} ${height}`) send({ method: "ui/notifications/size-changed", params: { width, height } });
  size = `${width} ${height}`;
});
resized.observe(document.body);
trouble("Waiting for the study's status…", "quiet");
request("ui/initialize", { protocolVersion: "2026-01-26", appInfo: { name: "mcp-automl", version: "1" },
  appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] } })
  .then(({ hostContext }) => {
    dress(hostContext);
    send({ method: "ui/notifications/initialized" });
  })
  .catch((error) => trouble(`Nothing can be shown: ${error.message}`, "bad"));
