"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const root = document.documentElement;

/* Elements from tag, class, text and children: nothing is ever read as markup. */
function el(tag, cls, ...children) {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

function seconds(micros) {
  if (micros === null) return "";
  return (micros / 1e6).toFixed(6);
}

function duration(micros) {
  if (micros === null || micros === undefined) return "";
  if (micros < 1e3) return micros.toPrecision(3) + " µs";
  if (micros < 1e6) return (micros / 1e3).toPrecision(3) + " ms";
  if (micros < 6e7) return (micros / 1e6).toPrecision(3) + " s";
  return Math.floor(micros / 6e7) + " min " + ((micros % 6e7) / 1e6).toFixed(0) + " s";
}

/* The bytes of escaped text. */
function bytesOf(text) {
  const out = [];
  const plain = new TextEncoder();
  let at = 0;
  while (at < text.length) {
    if (text[at] !== "\\") {
      const char = String.fromCodePoint(text.codePointAt(at));
      out.push(...plain.encode(char));
      at += char.length;
      continue;
    }
    const code = text[at + 1];
    if (code === "x") { out.push(parseInt(text.slice(at + 2, at + 4), 16)); at += 4; continue; }
    out.push({ r: 13, n: 10, t: 9, 0: 0 }[code] ?? code.charCodeAt(0));
    at += 2;
  }
  return out;
}

const FAILS = /ERROR|FAIL|NO CARRIER|BUSY|NO ANSWER|Canceled/;

/* One session: rows as objects, exchanges, findings by event. */
class Model {
  constructor(session) {
    Object.assign(this, session);
    this.events = session.rows.map(([[seq, time, from, kind, name, exchange], [offset, len, line, text, extra, latency]], at) => ({
      at, seq, time, from, kind: session.kinds[kind], name: session.names[name], exchange, offset, len, line, text, extra, latency,
      findings: null,
    }));
    this.rows = null;
    this.bySeq = new Map(this.events.map((event) => [event.seq, event]));
    this.clock = this.events.some((event) => event.time !== null);
    let last = 0;
    for (const event of this.events) {
      event.x = this.clock ? event.time ?? last : event.at;
      last = event.x;
    }
    this.start = this.events.reduce((low, event) => Math.min(low, event.x), Infinity);
    this.end = this.events.reduce((high, event) => Math.max(high, event.x), -Infinity);
    if (!(this.end > this.start)) { this.start = Number.isFinite(this.start) ? this.start : 0; this.end = this.start + 1; }
    const open = new Map();
    this.exchanges = [];
    for (const event of this.events) {
      if (event.exchange === null) continue;
      if (event.kind === "command") {
        const one = { command: event, end: event, result: null };
        open.set(event.exchange, one);
        this.exchanges.push(one);
      } else {
        const one = open.get(event.exchange);
        if (one && event.kind === "final") { one.end = event; one.result = event.name; }
        else if (one && one.result === null) one.end = event;
      }
    }
    for (const one of this.exchanges) one.command.result = one.result;
    this.commandOf = (event) => open.get(event.exchange)?.command.name ?? "";
    for (const finding of session.findings) {
      const event = finding.seq === null ? null : this.bySeq.get(finding.seq);
      finding.event = event ?? null;
      if (event) (event.findings ??= []).push(finding);
    }
  }

  /* Latencies by command, in microseconds, slowest median first. */
  latencies() {
    const commands = new Map();
    for (const event of this.events) {
      if (event.kind !== "final" || event.latency === null) continue;
      const name = this.commandOf(event) || "?";
      if (!commands.has(name)) commands.set(name, []);
      commands.get(name).push([event.latency, event]);
    }
    const list = [...commands].map(([name, all]) => {
      const sorted = all.map((one) => one[0]).sort((a, b) => a - b);
      return { name, all, min: sorted[0], median: sorted[(sorted.length - 1) >> 1], max: sorted[sorted.length - 1] };
    });
    return list.sort((a, b) => b.median - a.median);
  }

  title() {
    const parts = [this.dialect, this.model, this.profile].filter(Boolean).join(" ");
    const session = this.session === null ? "" : `, session ${this.session}`;
    return [this.file + session, `${parts} · ${this.events.length} events · ${this.exchanges.length} exchanges`];
  }
}

const SEVERITIES = { error: 3, warning: 2, info: 1 };
const worst = (event) => event.findings?.reduce((a, b) => (SEVERITIES[b.severity] > SEVERITIES[a] ? b.severity : a), "info");

/* Timeline, filters, list and detail of one session. */
class Pane {
  constructor(model, label) {
    this.model = model;
    this.selected = null;
    this.filter = { kinds: new Set(model.kinds), text: "", command: "", rule: "" };
    const [file, about] = model.title();
    this.node = el("section", "pane");
    const name = el("div", "name", label ? `${label}: ` : "", file, " ", el("small", "", about));
    name.title = file;
    if (model.leftOut) name.append(el("small", "", ` · ${model.leftOut} further events are left out`));
    this.canvas = el("canvas", "timeline");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "timeline of host and module");
    this.filters = el("div", "filters");
    this.list = el("div", "list");
    this.list.tabIndex = 0;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "events");
    this.space = el("div", "space");
    this.list.append(this.space);
    this.detail = el("div", "detail");
    this.node.append(name, this.canvas, this.filters, this.list, this.detail);
    this.makeFilters();
    this.reset();
    this.list.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => { this.draw(); this.paint(); }).observe(this.node);
    this.pointer();
    this.apply();
  }

  makeFilters() {
    const { model, filter } = this;
    const present = new Set(model.events.map((event) => event.kind));
    for (const kind of model.kinds) {
      if (!present.has(kind)) continue;
      const box = el("input");
      box.type = "checkbox"; box.checked = true; box.dataset.kind = kind;
      box.addEventListener("change", () => { box.checked ? filter.kinds.add(kind) : filter.kinds.delete(kind); this.apply(); });
      this.filters.append(el("label", "", box, kind));
    }
    const choice = (title, values, key) => {
      const select = el("select");
      select.setAttribute("aria-label", title);
      select.dataset.filter = key;
      select.append(new Option(title, ""));
      for (const value of values) select.append(new Option(value, value));
      select.addEventListener("change", () => { filter[key] = select.value; this.apply(); });
      if (values.length) this.filters.append(select);
      return select;
    };
    const commands = [...new Set(model.exchanges.map((one) => one.command.name))].sort();
    this.command = choice("all commands", commands, "command");
    this.rule = choice("all rules", [...new Set(model.findings.map((one) => one.rule))].sort(), "rule");
    this.search = el("input");
    this.search.type = "search"; this.search.placeholder = "text…"; this.search.setAttribute("aria-label", "filter by text");
    this.search.addEventListener("input", () => { filter.text = this.search.value.toLowerCase(); this.apply(); });
    this.count = el("span", "count");
    this.filters.append(this.search, this.count);
  }

  clear() {
    this.filter.kinds = new Set(this.model.kinds);
    for (const box of this.filters.querySelectorAll("input[type=checkbox]")) box.checked = true;
    this.filter.text = this.filter.command = this.filter.rule = this.search.value = this.command.value = this.rule.value = "";
    this.apply();
  }

  apply() {
    const { kinds, text, command, rule } = this.filter;
    this.shown = this.model.events.filter((event) =>
      kinds.has(event.kind)
      && (!command || this.model.commandOf(event) === command)
      && (!rule || event.findings?.some((one) => one.rule === rule))
      && (!text || event.text.toLowerCase().includes(text) || event.name.toLowerCase().includes(text) || event.extra.toLowerCase().includes(text)));
    this.space.style.height = `${this.shown.length * 22 + 4}px`;
    this.count.textContent = `${this.shown.length} of ${this.model.events.length}`;
    this.draw(); this.paint();
  }

  /* The rows that can be seen, and no others. */
  draw() {
    const from = Math.max(0, Math.floor(this.list.scrollTop / 22) - 8);
    const to = Math.min(this.shown.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / 22) + 8);
    const rows = [];
    for (let at = from; at < to; at++) rows.push(this.row(this.shown[at], at));
    this.space.replaceChildren(...rows);
  }

  row(event, at) {
    const classes = ["row", event.from ? "module" : "host", event.kind];
    if (event === this.selected) classes.push("on");
    if (event.findings) classes.push(worst(event));
    if (event.kind === "final") classes.push(FAILS.test(event.name) ? "fail" : "good");
    const what = event.extra || (["echo", "payload", "noise", "passthrough"].includes(event.kind) ? event.text : "");
    const latency = event.latency === null ? "" : `  after ${duration(event.latency)}`;
    const node = el("div", classes.join(" "),
      el("span", "t", seconds(event.time)), el("span", "d", event.from ? "<" : ">"),
      el("span", "x", event.exchange === null ? "" : `#${event.exchange}`), el("span", "k", event.kind),
      el("span", "what", el("span", "n", event.name), event.name && what ? "  " : "", what, el("span", "dim", latency)));
    node.style.top = `${at * 22}px`;
    node.setAttribute("role", "option");
    node.dataset.seq = event.seq;
    node.addEventListener("click", () => this.select(event, null, false));
    return node;
  }

  /* Shows an event, and the bytes of it that a finding is about. */
  select(event, finding, scroll = true) {
    this.selected = event;
    if (scroll) {
      let at = this.shown.indexOf(event);
      if (at < 0) { this.clear(); at = this.shown.indexOf(event); }
      const top = at * 22;
      if (top < this.list.scrollTop || top > this.list.scrollTop + this.list.clientHeight - 44) {
        this.list.scrollTop = Math.max(0, top - this.list.clientHeight / 2);
      }
      if (event.x < this.from || event.x > this.to) {
        const half = (this.to - this.from) / 2;
        this.view(event.x - half, event.x + half);
      }
    }
    this.show(event, finding ?? event.findings?.[0] ?? null);
    this.draw(); this.paint();
  }

  show(event, finding) {
    const facts = el("dl");
    const fact = (name, value) => { if (value !== null && value !== "" && value !== undefined) facts.append(el("dt", "", name), el("dd", "", String(value))); };
    fact("event", `${event.seq}, ${event.kind} ${event.name}`);
    fact("parameters", event.extra);
    fact("time", event.time === null ? "" : `${seconds(event.time)} s`);
    fact("latency", duration(event.latency));
    fact("place", `${event.from ? "module" : "host"}, bytes ${event.offset} to ${event.offset + event.len - 1}${event.line ? `, line ${event.line}` : ""}`);
    for (const one of event.findings ?? []) fact(`${one.severity}[${one.rule}]`, one.message + (one.cite ? ` (${one.cite})` : ""));
    const bytes = bytesOf(event.text);
    const pre = el("pre", "hex");
    const from = finding ? finding.from : 0;
    const to = finding && finding.len ? finding.from + finding.len : finding ? bytes.length : 0;
    for (let start = 0; start < Math.min(bytes.length, 1024); start += 16) {
      pre.append(start.toString(16).padStart(4, "0") + "  ");
      const line = bytes.slice(start, start + 16);
      line.forEach((byte, at) => {
        const text = byte.toString(16).padStart(2, "0");
        pre.append(start + at >= from && start + at < to ? el("mark", "", text) : text, at === 7 ? "  " : " ");
      });
      pre.append(" ".repeat((16 - line.length) * 3 + 1 + (line.length < 8 ? 1 : 0)));
      line.forEach((byte, at) => {
        const char = byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·";
        pre.append(start + at >= from && start + at < to ? el("mark", "", char) : char);
      });
      pre.append("\n");
    }
    if (event.len > bytes.length) pre.append(`… ${event.len - bytes.length} further bytes\n`);
    this.detail.replaceChildren(facts, pre);
  }

  step(by) {
    const at = this.selected ? this.shown.indexOf(this.selected) : -1;
    const next = this.shown[Math.min(this.shown.length - 1, Math.max(0, at + by))];
    if (next) this.select(next, null);
  }

  reset() { this.view(this.model.start, this.model.end); }

  view(from, to) {
    const { start, end } = this.model;
    const least = this.model.clock ? 50 : 4;
    let width = Math.min(Math.max(to - from, least), (end - start) * 1.04 || 1);
    const middle = Math.min(Math.max((from + to) / 2, start), end);
    this.from = middle - width / 2; this.to = middle + width / 2;
    this.paint();
  }

  zoom(factor, middle = (this.from + this.to) / 2) {
    this.view(middle - (middle - this.from) * factor, middle + (this.to - middle) * factor);
  }

  pan(share) {
    const by = (this.to - this.from) * share;
    this.view(this.from + by, this.to + by);
  }

  pointer() {
    const { canvas } = this;
    const at = (event) => this.from + (event.offsetX / canvas.clientWidth) * (this.to - this.from);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan((event.deltaX || event.deltaY) / 800);
      else this.zoom(Math.exp(event.deltaY / 400), at(event));
    }, { passive: false });
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, moved: false }; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const by = event.clientX - drag.x;
      if (Math.abs(by) > 2 || drag.moved) {
        drag.moved = true; drag.x = event.clientX;
        this.pan(-by / canvas.clientWidth);
      }
    });
    canvas.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) {
        const x = at(event), from = event.offsetY < 34 ? 0 : event.offsetY > 66 ? 1 : null;
        let best = null;
        for (const one of this.shown) {
          if (from !== null && one.from !== from) continue;
          if (!best || Math.abs(one.x - x) < Math.abs(best.x - x)) best = one;
        }
        if (best) this.select(best, null);
      }
      drag = null;
    });
    canvas.addEventListener("dblclick", () => this.reset());
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paintNow());
  }

  paintNow() {
    const { canvas } = this;
    const width = canvas.clientWidth, height = 118, ratio = devicePixelRatio || 1;
    if (!width) return;
    canvas.width = width * ratio; canvas.height = height * ratio; canvas.style.height = `${height}px`;
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    const css = getComputedStyle(root);
    const color = (name) => css.getPropertyValue(`--${name}`).trim();
    const colors = Object.fromEntries(["bg", "line", "text", "dim", "host", "module", "ok", "bad", "warn", "info", "bar", "urc", "payload", "reset", "mark"].map((name) => [name, color(name)]));
    c.fillStyle = colors.bg; c.fillRect(0, 0, width, height);
    const X = (value) => ((value - this.from) / (this.to - this.from)) * width;
    c.font = "11px system-ui, sans-serif";
    c.strokeStyle = colors.line; c.lineWidth = 1;
    for (const y of [22, 76]) { c.beginPath(); c.moveTo(0, y + .5); c.lineTo(width, y + .5); c.stroke(); }
    /* Exchanges: bars from command to result, as wide as it took; the nearest pixel is drawn once. */
    let last = -1;
    for (const one of this.model.exchanges) {
      const x0 = X(one.command.x), x1 = X(one.end.x);
      if (x1 < 0 || x0 > width) continue;
      if (Math.floor(x1) <= last && x1 - x0 < 1) continue;
      last = Math.floor(x1);
      c.fillStyle = one.result === null ? colors.dim : FAILS.test(one.result) ? colors.bad : colors.bar;
      c.fillRect(x0, 40, Math.max(1, x1 - x0), 16);
      if (x1 - x0 > 60) {
        c.fillStyle = colors.text;
        const label = `${one.command.name} ${one.end.latency !== null ? duration(one.end.latency) : ""}`;
        c.save(); c.beginPath(); c.rect(x0, 40, x1 - x0, 16); c.clip(); c.fillText(label, Math.max(x0, 0) + 3, 52); c.restore();
      }
    }
    const lasts = {};
    for (const event of this.shown) {
      const x = X(event.x);
      if (x < -4 || x > width + 4) continue;
      const slot = `${event.kind}${event.from}`;
      if (lasts[slot] === Math.floor(x) && !event.findings && event !== this.selected) continue;
      lasts[slot] = Math.floor(x);
      const y = event.from ? 76 : 22;
      if (event.kind === "boot") { c.strokeStyle = colors.reset; c.beginPath(); c.moveTo(x, 4); c.lineTo(x, 96); c.stroke(); }
      if (event.kind === "payload" || event.kind === "passthrough") {
        c.fillStyle = colors.payload; c.fillRect(x - 3, y - 5, 7, 11);
      } else if (event.kind === "urc") {
        c.fillStyle = colors.urc; c.beginPath(); c.moveTo(x, y - 6); c.lineTo(x + 4, y); c.lineTo(x, y + 6); c.lineTo(x - 4, y); c.fill();
      } else {
        c.fillStyle = event.kind === "noise" ? colors.warn : event.from ? colors.module : colors.host;
        c.fillRect(x - .75, y - (event.kind === "echo" ? 3 : 7), 1.5, event.kind === "echo" ? 6 : 14);
      }
      if (event.findings) {
        const severity = worst(event);
        c.fillStyle = severity === "error" ? colors.bad : severity === "warning" ? colors.warn : colors.info;
        const top = event.from ? 92 : 2;
        c.beginPath(); c.moveTo(x - 5, top); c.lineTo(x + 5, top); c.lineTo(x, top + 8); c.fill();
      }
    }
    if (this.selected) {
      const x = X(this.selected.x);
      c.strokeStyle = colors.mark; c.lineWidth = 2; c.beginPath(); c.moveTo(x, 0); c.lineTo(x, 100); c.stroke();
    }
    c.fillStyle = colors.dim;
    c.fillText("host", 4, 12); c.fillText("module", 4, 70);
    /* The axis: a dozen round numbers. */
    const raw = (this.to - this.from) / Math.max(2, width / 110);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
    for (let tick = Math.ceil(this.from / step) * step; tick < this.to; tick += step) {
      c.fillRect(X(tick), 102, 1, 4);
      const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / 1e6))));
      c.fillText(this.model.clock ? `${(tick / 1e6).toFixed(digits)} s` : `${Math.round(tick)}`, X(tick) + 3, 114);
    }
  }
}

const panes = [];
const items = [];
let current = -1;

function go(at) {
  if (!items.length) return;
  current = (at + items.length) % items.length;
  items.forEach(({ node }, number) => node.classList.toggle("on", number === current));
  items[current].node.scrollIntoView({ block: "nearest" });
  items[current].show();
}

function item(severity, head, message, more, show) {
  const node = el("button", `item ${severity}`, el("b", "", head), " ", message, ...more);
  node.dataset.severity = severity;
  const at = items.length;
  node.addEventListener("click", () => go(at));
  items.push({ node, show });
  return node;
}

const many = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;

function findings(pane) {
  const section = el("section", "", el("h2", "", many(pane.model.findings.length + pane.model.moreFindings, "finding")));
  for (const one of pane.model.findings) {
    section.append(item(one.severity, `${one.severity}[${one.rule}]`, one.message,
      [el("small", "", [one.place, one.cite].filter(Boolean).join(" · "))],
      () => { if (one.event) pane.select(one.event, one); }));
  }
  if (pane.model.moreFindings) section.append(el("p", "dim", `${pane.model.moreFindings} further findings are left out`));
  return section;
}

/* Latencies by command: each a dot on a logarithmic axis. */
function latencies(pane, older) {
  const list = pane.model.latencies();
  const before = new Map(older ? older.model.latencies().map((one) => [one.name, one]) : []);
  const section = el("section", "latencies");
  if (!list.length) return section;
  const all = [...list, ...before.values()];
  const low = Math.max(1, Math.min(...all.map((one) => one.min))), high = Math.max(low * 10, ...all.map((one) => one.max));
  section.append(el("h2", "", "latency by command"), el("p", "dim", `${duration(low)} to ${duration(high)}, logarithmic${older ? "; above the line the old side, below it the new one" : ""}`));
  for (const one of list.slice(0, 100)) {
    const canvas = el("canvas");
    const node = el("button", "lat", el("b", "", one.name), el("span", "dim", `${one.all.length} × median ${duration(one.median)}, most ${duration(one.max)}`), canvas);
    node.title = one.name;
    node.addEventListener("click", () => {
      const on = pane.filter.command === one.name ? "" : one.name;
      pane.filter.command = pane.command.value = on;
      section.querySelectorAll(".lat").forEach((other) => other.classList.toggle("on", other === node && on !== ""));
      pane.apply();
    });
    const paint = () => {
      const width = canvas.clientWidth, ratio = devicePixelRatio || 1;
      if (!width) return;
      canvas.width = width * ratio; canvas.height = 18 * ratio;
      const c = canvas.getContext("2d");
      c.scale(ratio, ratio);
      const css = getComputedStyle(root);
      const X = (value) => 4 + (Math.log(Math.max(value, low) / low) / Math.log(high / low)) * (width - 8);
      c.fillStyle = css.getPropertyValue("--line"); c.fillRect(0, 9, width, 1);
      const dots = (of, y, name) => {
        c.fillStyle = css.getPropertyValue(name); c.globalAlpha = Math.max(.15, Math.min(.8, 20 / of.all.length));
        for (const [value] of of.all.slice(0, 5000)) { c.beginPath(); c.arc(X(value), y, 3, 0, 7); c.fill(); }
        c.globalAlpha = 1; c.fillStyle = css.getPropertyValue("--text"); c.fillRect(X(of.median) - 1, y - 5, 2, 10);
      };
      const old = before.get(one.name);
      if (old) dots(old, 5, "--dim");
      dots(one, older ? 13 : 9, "--host");
    };
    node.paint = paint;
    new ResizeObserver(paint).observe(canvas);
    section.append(node);
  }
  return section;
}

/* The event at a place such as `old.at:14` or `old.sr, event 7`. */
function placed(model, place) {
  const line = /:(\d+)$/.exec(place), event = /, event (\d+)$/.exec(place);
  if (event) return model.bySeq.get(Number(event[1])) ?? null;
  if (line && place.slice(0, line.index).endsWith(model.file)) return model.events.find((one) => one.line === Number(line[1])) ?? null;
  return null;
}

function differences(diff, models) {
  const { error, warning, info } = diff.counts;
  const section = el("section", "", el("h2", "", [many(error, "error"), many(warning, "warning"), many(info, "info")].join(", ")),
    el("p", "dim", `${diff.aligned.both} commands on both sides`));
  for (const side of ["old", "new"]) section.append(el("p", "", el("b", "", side), " ", diff[side].identity.join("; ") || "firmware not told"));
  const sides = [["old", "minus", "− "], ["new", "plus", "+ "]];
  for (const one of diff.differences) {
    const more = [];
    if (one.subjects) more.push(el("small", "", one.subjects.join(", ")));
    for (const [side, cls, sign] of sides) if (one[side]) more.push(el("code", cls, sign + one[side]));
    const places = [one.old_place, one.new_place].filter(Boolean).join(" · ");
    more.push(el("small", "", `${one.severity}[${one.kind}]${places ? " · " + places : ""}${one.count > 1 ? ` · ${one.count} times` : ""}`));
    section.append(item(one.severity, one.subject || "several commands", one.message, more, () => {
      sides.forEach(([side], at) => {
        const pane = panes[panes.length === 1 ? 0 : at];
        const model = pane?.model;
        if (!model || (panes.length === 1 && side === "old")) return;
        let event = one[`${side}_place`] ? placed(model, one[`${side}_place`]) : null;
        const name = one.subject || one.subjects?.[0];
        event ??= model.events.find((other) => other.name === name) ?? null;
        if (event) pane.select(event, null);
      });
    }));
  }
  for (const one of diff.accepted) section.append(el("p", "dim", `accepted: ${one.subject} ${one.message} (${one.reason})`));
  return section;
}

function build(which) {
  const main = $("main");
  panes.length = items.length = 0;
  current = -1;
  const side = el("aside", "side");
  const models = (data.diff ? data.sessions : [data.sessions[which]].filter(Boolean)).map((session) => (session.loaded ??= new Model(session)));
  models.forEach((model, at) => panes.push(new Pane(model, data.diff && models.length > 1 ? ["old", "new"][at] : "")));
  for (const [file, message] of data.unreadable) side.append(el("p", "item error", el("b", "", file), " ", message));
  if (data.diff) side.append(differences(data.diff, models));
  else for (const pane of panes) side.append(findings(pane));
  for (const pane of panes.slice(-1)) side.append(latencies(pane, panes.length > 1 ? panes[0] : null));
  main.replaceChildren(side, ...panes.map((pane) => pane.node));
  main.className = panes.length > 1 ? "wide" : "";
  panes.forEach((pane) => { pane.draw(); pane.paint(); });
}

function theme(value) {
  root.dataset.theme = value;
  panes.forEach((pane) => pane.paint());
  document.querySelectorAll(".lat").forEach((node) => node.paint());
}

$("title").textContent = data.title;
const counts = data.sessions.map((session) => session.counts).reduce((sum, one) => sum.map((count, at) => count + one[at]), [0, 0, 0]);
$("summary").textContent = data.diff ? "" : `${["error", "warning", "info"].map((name, at) => many(counts[at], name)).join(", ")} · atscope ${data.version}`;
if (!data.diff && data.sessions.length > 1) {
  const select = $("session");
  select.hidden = false;
  data.sessions.forEach((session, at) => select.append(new Option(session.file + (session.session === null ? "" : `, session ${session.session}`), at)));
  select.addEventListener("change", () => build(Number(select.value)));
}
root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
build(0);
$("theme").addEventListener("click", () => theme(root.dataset.theme === "dark" ? "light" : "dark"));
$("help").addEventListener("click", () => $("keys").showModal());
addEventListener("beforeprint", () => theme("light"));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /INPUT|SELECT|TEXTAREA/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (event.key === "Escape") { panes.forEach((pane) => pane.clear()); event.target.blur?.(); return; }
  if (typing) return;
  const pane = panes.find((one) => one.node.contains(document.activeElement)) ?? panes[panes.length - 1];
  if (!pane) return;
  const keys = {
    j: () => pane.step(1), ArrowDown: () => pane.step(1), k: () => pane.step(-1), ArrowUp: () => pane.step(-1),
    PageDown: () => pane.step(20), PageUp: () => pane.step(-20),
    n: () => go(current + 1), p: () => go(current < 0 ? items.length - 1 : current - 1),
    "+": () => panes.forEach((one) => one.zoom(.6)), "=": () => panes.forEach((one) => one.zoom(.6)),
    "-": () => panes.forEach((one) => one.zoom(1.7)), 0: () => panes.forEach((one) => one.reset()),
    ArrowLeft: () => panes.forEach((one) => one.pan(-.2)), ArrowRight: () => panes.forEach((one) => one.pan(.2)),
    "/": () => pane.search.focus(), t: () => $("theme").click(), "?": () => $("keys").showModal(),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
root.dataset.ready = "true";
})();
