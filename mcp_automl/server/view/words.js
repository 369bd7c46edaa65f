// Numbers, times, money and states in words; the same as in the server's texts.
const NONE = "–";

const exponential = (value, digits) => value.toExponential(digits).replace(/\.?0*e\+?/, "e");
const significant = (value, digits) => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) return exponential(value, digits - 1);
  return String(Number(value.toPrecision(digits)));
};
// A metric with four or five significant digits.
const score = (value) => {
  if (typeof value !== "number" || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  return size >= 0.1 && size < 10 ? value.toFixed(4) : significant(value, 5);
};
const setting = (value) => value === null || value === undefined ? NONE
  : typeof value !== "number" || Number.isInteger(value) ? String(value) : significant(value, 4);
const money = (usd) => usd === null || usd === undefined ? NONE : usd > 0 && usd < 0.0001 ? "under $0.0001"
  : "$" + usd.toFixed(usd > 0 && usd < 0.1 ? 4 : 2);
const several = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;

function span(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, Math.round(seconds)), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (h >= 24) return `${Math.floor(h / 24)} d ${h % 24} h`;
  return h ? `${h} h ${m % 60} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
}

// How a study's state is drawn beside its word.
const STUDY_SIGNS = { QUEUED: ["…", "--quiet"], RUNNING: ["▶", "--busy"], STOPPED: ["■", "--quiet"],
  COMPLETE: ["✓", "--good"], FAILED: ["✕", "--bad"] };
const signOf = (state) => STUDY_SIGNS[state] || ["", "--quiet"];

// A trial that waits has been interrupted if it ever began.
const begun = (trial) => trial.epoch > 0 || trial.value !== null || trial.reason !== "";
const TRIAL_WORDS = { RUNNING: "running", COMPLETE: "complete", PRUNED: "pruned", FAIL: "failed", WAITING: "waiting" };
const wordOf = (trial) => trial.state === "WAITING" && begun(trial) ? "interrupted"
  : TRIAL_WORDS[trial.state] || trial.state;

function countsInWords(status) {
  const { counts, study: { n_trials: total } } = status;
  const interrupted = Math.max(0, Math.min(counts.WAITING || 0, total - status.done - status.never_started));
  const parts = [[counts.COMPLETE, "complete"], [counts.PRUNED, "pruned"], [counts.RUNNING, "running"],
    [counts.FAIL, "failed"], [interrupted, "interrupted"], [(counts.WAITING || 0) - interrupted, "waiting"]];
  const some = parts.filter(([number]) => number > 0);
  return some.map(([number, word]) => `${number.toLocaleString("en")} ${word}`).join(", ") || "No trial has begun";
}

function budgetInWords(status) {
  if (status.budget_share === null || status.budget_share < 0.8) return "";
  const spent = `${Math.round(100 * status.budget_share)} % of the budget is spent`;
  if (status.budget_trials === null) return `${spent}, before the first trial was finished`;
  const more = Math.min(status.budget_trials, Math.max(0, status.study.n_trials - status.done));
  return `${spent}; the rest pays for ${more ? `about ${several(more, "more trial")}` : "no further trial"}`;
}

// What a stop has done, or is about to do.
function stoppedInWords(stopped) {
  const done = `${stopped.done} of ${stopped.n_trials} trials are done`;
  if (!stopped.changed) return `It was not running (${stopped.state}); nothing was changed.`;
  return stopped.stopping ? `Stopping: no new trial begins, and what runs ends now. ${done}.`
    : `Stopped. ${done}; ask for the same study again and it goes on.`;
}
