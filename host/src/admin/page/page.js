"use strict";
// Asks the API every two seconds and shows what it says. All text goes in as text, never as markup.

const every = 2000;
const shown = new Map(); // figures of the last time, for rates
let token = sessionStorage.getItem("token") || "";

const at = (id) => document.getElementById(id);
const number = (n) => Math.round(n).toLocaleString("en");

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const part of [].concat(content ?? [])) made.append(part);
  return made;
}

function row(cells, kind = "td") {
  const numeric = (c) => typeof c === "number" || c?.rate !== undefined;
  return element("tr", cells.map((c) => {
    const text = typeof c === "number" ? number(c) : c?.rate !== undefined ? rate(c) : (c ?? "");
    return element(kind, [text], numeric(c) || c?.right ? "number" : "");
  }));
}

const rate = (c) => (c.rate === null ? "–" : number(c.rate) + "/s");

// The change of a counter a second since the last answer.
function perSecond(key, value, now) {
  const before = shown.get(key);
  shown.set(key, { value, now });
  if (!before || value < before.value || now <= before.now) return { rate: null };
  return { rate: ((value - before.value) * 1000) / (now - before.now) };
}

function pipeline(p, now) {
  const key = (...parts) => [p.name, ...parts].join("\u0000");
  const title = element("h2", [p.name + " ", element("span", [p.state], "state " + p.state)]);
  const since = new Date(p.since_ms).toLocaleString();
  const facts = `revision ${p.revision} · ${p.tasks} tasks · since ${since}` +
    (p.restarts ? ` · ${p.restarts} restarts` : "") + (p.dead_letters ? ` · ${p.dead_letters} dead letters` : "");
  const table = element("table", [row(["", "name", "what", "in", "out", "rate", "errors", "lag"], "th")]);
  for (const s of p.sources) {
    table.append(row(["source", s.name, s.topic, "", s.records, perSecond(key("in", s.name), s.records, now),
      s.decode_errors, s.lag ?? "–"]));
  }
  for (const s of p.steps) {
    const c = s.component;
    const what = c ? `${c.name}@${c.version}` + (c.probation ? " on probation" : "") : s.kind;
    table.append(row(["step", s.name, what, s.rows_in, s.rows_out, perSecond(key("step", s.name), s.rows_in, now),
      s.errors, ""]));
    if (c?.last_swap?.outcome === "rolled_back") {
      const text = `${c.last_swap.to} was taken back: ${c.last_swap.reason ?? "no reason given"}`;
      const cell = element("td", [text], "reason");
      cell.colSpan = 6;
      table.append(element("tr", [element("td"), element("td"), cell]));
    }
  }
  for (const s of p.sinks) {
    table.append(row(["sink", s.name, s.topic, s.rows, "", perSecond(key("sink", s.name), s.rows, now), s.errors, ""]));
  }
  const parts = [title, element("div", [facts], "quiet")];
  if (p.reason) parts.push(element("p", [p.reason], "reason"));
  return element("article", [...parts, table]);
}

async function ask(path) {
  const headers = token ? { authorization: "Bearer " + token } : {};
  const answer = await fetch(path, { headers, cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail || body.title), { status: answer.status });
  return body;
}

async function refresh() {
  try {
    const [{ pipelines }, { components }] = await Promise.all([ask("v1/pipelines"), ask("v1/components")]);
    const now = performance.now();
    const all = pipelines.map((p) => pipeline(p, now));
    at("pipelines").replaceChildren(...(all.length ? all : [element("p", ["No pipelines yet."], "quiet")]));
    const rows = components.map((c) => row([c.name, c.version, c.world, c.digest.slice(0, 19) + "…",
      (c.used_by ?? []).filter((u) => !u.previous).map((u) => `${u.pipeline}/${u.step}`).join(", ")]));
    at("components").replaceChildren(row(["name", "version", "world", "digest", "used by"], "th"), ...rows);
    at("message").textContent = "";
    at("login").hidden = true;
  } catch (error) {
    at("message").textContent = error.status ? error.message : "The host does not answer.";
    if (error.status === 401) at("login").hidden = false;
  }
  setTimeout(refresh, every);
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  sessionStorage.setItem("token", token);
});

refresh();
