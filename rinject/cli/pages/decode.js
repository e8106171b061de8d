(() => {
const data = readData();
const at = (id) => document.getElementById(id);
const shown = { prompt: 0, layer: data.layer, variable: -1, fold: true, raw: false, projected: false };

function make(tag, text = "", classes = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (classes) element.className = classes;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// --- what is shown ---------------------------------------------------------------------------

const prompt = () => data.prompts[shown.prompt];
const held = () => data.variables.map((_, i) => i).filter((i) => prompt().scores[shown.layer][i]);
const scoresOf = (variable, token) => prompt().scores[shown.layer][variable][token];

function cellOf(variable, token) {
  const values = data.variables[variable].values;
  const truth = prompt().true[variable][token];
  const read = scoresOf(variable, token)[0];
  if (!prompt().tokens[token].isRead) return { text: values[read], mark: "unread" };
  if (truth < 0) return { text: "·", mark: "nothing" };
  if (read === truth) return { text: values[read], mark: "right" };
  return { text: `✗ ${values[read]}≠${values[truth]}`, mark: "wrong" };
}

function isConstant(variable) {
  const cells = prompt().tokens.map((_, token) => cellOf(variable, token));
  const known = cells.filter((cell) => cell.mark === "right" || cell.mark === "wrong");
  return known.every((cell) => cell.mark === "right") && new Set(known.map((cell) => cell.text)).size <= 1;
}

function columns() {
  return held().filter((i) => !shown.fold || i === shown.variable || !isConstant(i));
}

// --- prompt and answer -----------------------------------------------------------------------

function showAnswer() {
  const { isRight, answer, trueAnswer } = prompt();
  at("prompt-text").textContent = prompt().prompt;
  const verdict = { true: "✓ right", false: `✗ wrong, the program answers ${trueAnswer}`, null: "the program has no answer" };
  at("answer").textContent = `Answer: ${answer || "(nothing)"} (${verdict[String(isRight)]})`;
  at("answer").className = "answer" + (isRight === null ? "" : isRight ? " was-right" : " was-wrong");
}

// --- the table -------------------------------------------------------------------------------

function showTable() {
  const box = at("table");
  const had = box.contains(document.activeElement) ? document.activeElement.dataset : null;
  const wanted = had && { ...had };
  const variables = columns();
  const writes = prompt().tokens.some((token) => token.writes !== null);
  const table = make("table", "", "", { role: "grid", "aria-labelledby": "table-head" });
  const head = table.createTHead().insertRow();
  head.append(make("th", "token", "", { scope: "col" }));
  if (writes) head.append(make("th", "writes", "", { scope: "col" }));
  for (const variable of variables) {
    const chosen = variable === shown.variable ? "is-chosen" : "";
    head.append(make("th", data.variables[variable].name, chosen, { scope: "col" }));
  }
  const body = table.createTBody();
  prompt().tokens.forEach((token, place) => body.append(tableRow(token, place, variables, writes)));
  box.replaceChildren(table);
  const back = wanted && box.querySelector(`td[data-token="${wanted.token}"][data-variable="${wanted.variable}"]`);
  const first = back || box.querySelector("td[data-variable]");
  if (first) first.tabIndex = 0;
  if (back) back.focus();
  showVerdict(variables);
}

function tableRow(token, place, variables, writes) {
  const row = make("tr", "", place === prompt().promptTokens ? "begins-answer" : "");
  const head = make("th", token.text, "", { scope: "row" });
  if (place >= prompt().promptTokens) head.append(make("span", "answer", "answer-mark"));
  row.append(head);
  if (writes) row.append(make("td", token.writes ?? "", "token"));
  for (const variable of variables) {
    const { text, mark } = cellOf(variable, place);
    const chosen = variable === shown.variable ? " is-chosen" : "";
    const cell = make("td", text, `is-${mark}${chosen}`, { tabindex: "-1" });
    cell.dataset.token = place;
    cell.dataset.variable = variable;
    row.append(cell);
  }
  return row;
}

function showVerdict(variables) {
  const marks = held().flatMap((i) => prompt().tokens.map((_, token) => cellOf(i, token).mark));
  const wrong = marks.filter((mark) => mark === "wrong").length;
  const judged = wrong + marks.filter((mark) => mark === "right").length;
  at("verdict").textContent = wrong
    ? `${judged - wrong} of ${judged} values at this layer are the program's; ${wrong} are not.`
    : `All ${judged} values at this layer are the program's.`;
  at("unread-key").hidden = !marks.includes("unread");
  const folded = held().filter((i) => !variables.includes(i));
  const words = folded.map((i) => `${data.variables[i].name} = ${constant(i)}`);
  at("folded").textContent = words.length ? `Constant: ${words.join(", ")}` : "";
}

function constant(variable) {
  const place = prompt().true[variable].findIndex((value) => value >= 0);
  return place < 0 ? "no value" : data.variables[variable].values[prompt().true[variable][place]];
}

function move(cell, key, whole) {
  const row = cell.parentElement;
  const rows = [...row.parentElement.rows];
  const cells = [...row.querySelectorAll("td[data-variable]")];
  const column = cells.indexOf(cell), line = rows.indexOf(row);
  const to = {
    ArrowRight: [line, column + 1], ArrowLeft: [line, column - 1],
    ArrowDown: [line + 1, column], ArrowUp: [line - 1, column],
    Home: [whole ? 0 : line, 0], End: [whole ? rows.length - 1 : line, cells.length - 1],
  }[key];
  if (!to) return null;
  const target = rows[to[0]];
  return target ? target.querySelectorAll("td[data-variable]")[to[1]] || cell : cell;
}

// --- scores at one cell ----------------------------------------------------------------------

function showTip(cell) {
  const variable = Number(cell.dataset.variable), token = Number(cell.dataset.token);
  const { name, values } = data.variables[variable];
  const truth = prompt().true[variable][token];
  const scores = scoresOf(variable, token);
  const tip = at("tip");
  tip.replaceChildren(make("strong", `${name} at ${prompt().tokens[token].text}`));
  const symbol = prompt().tokens[token].symbol;
  const said = truth < 0 ? "no value in the program" : `program: ${values[truth]}`;
  tip.append(make("p", `read: ${values[scores[0]]}, ${said}${symbol === null ? "" : `; token seen as ${symbol}`}`));
  const bars = make("div", "", "bars");
  for (let i = 0; i < scores.length; i += 2) {
    const read = i === 0 ? "is-read" : "";
    const bar = make("i");
    bar.style.width = `${100 * scores[i + 1]}%`;
    bars.append(make("span", (scores[i] === truth ? "✓ " : "") + values[scores[i]], read), bar, make("span", percent(scores[i + 1]), read));
  }
  tip.append(bars);
  const others = values.length - scores.length / 2;
  if (others > 0) tip.append(make("p", `${others} more ${others === 1 ? "value" : "values"}: ${percent(rest(scores))}`));
  tip.hidden = false;
  for (const old of document.querySelectorAll("[aria-describedby=tip]")) old.removeAttribute("aria-describedby");
  cell.setAttribute("aria-describedby", "tip");
  place(tip, cell.getBoundingClientRect());
}

function rest(scores) {
  const told = scores.reduce((sum, score, i) => (i % 2 ? sum + score : sum), 0);
  return Math.max(0, 1 - told);
}

const percent = (score) => (score < 0.0005 ? "under 0.1%" : `${(100 * score).toFixed(1)}%`);

function place(tip, cell) {
  const { width, height } = tip.getBoundingClientRect();
  const room = document.documentElement.clientWidth - width - 8;
  const below = cell.bottom + 8;
  const top = below + height < window.innerHeight ? below : Math.max(8, cell.top - height - 8);
  tip.style.left = `${Math.max(8, Math.min(cell.left, room))}px`;
  tip.style.top = `${top}px`;
}

const hideTip = () => { at("tip").hidden = true; };

function keepTip() {
  const cell = document.querySelector("[aria-describedby=tip]");
  if (cell && !at("tip").hidden) place(at("tip"), cell.getBoundingClientRect());
}

// --- scores of one variable ------------------------------------------------------------------

const MOST_COLUMNS = 40;

function showScores() {
  const variable = shown.variable;
  at("scores-card").hidden = variable < 0;
  if (variable < 0) return;
  const { name, values } = data.variables[variable];
  at("scores-head").textContent = `Scores of ${name}`;
  const best = new Map();
  prompt().tokens.forEach((_, token) => {
    const scores = scoresOf(variable, token);
    for (let i = 0; i < scores.length; i += 2) best.set(scores[i], Math.max(best.get(scores[i]) ?? 0, scores[i + 1]));
  });
  const order = [...best.keys()].sort((a, b) => best.get(b) - best.get(a)).slice(0, MOST_COLUMNS).sort((a, b) => a - b);
  const table = make("table");
  const head = table.createTHead().insertRow();
  head.append(make("th", "token", "", { scope: "col" }), ...order.map((value) => make("th", values[value], "", { scope: "col" })));
  const body = table.createTBody();
  prompt().tokens.forEach((token, place) => {
    const row = body.insertRow();
    const scores = scoresOf(variable, place);
    row.append(make("th", token.text, "", { scope: "row" }));
    for (const value of order) row.append(scoreCell(scores, value, prompt().true[variable][place]));
  });
  at("scores").replaceChildren(table);
}

function scoreCell(scores, value, truth) {
  const place = scores.findIndex((found, i) => i % 2 === 0 && found === value);
  const score = place < 0 ? 0 : scores[place + 1];
  const number = score >= 0.005 ? Math.round(100 * score) : "";
  const cell = make("td", `${value === truth ? "✓ " : ""}${number}`, place === 0 ? "is-read" : "");
  cell.style.background = `color-mix(in srgb, var(--bar) ${Math.round(100 * score)}%, var(--card))`;
  return cell;
}

// --- heat maps -------------------------------------------------------------------------------

const LINE = 16, NARROW = 12, NAMES = 110, VALUES = 60;

const bytes = (text) => Int8Array.from(atob(text), (character) => character.charCodeAt(0) << 24 >> 24);

function rgb(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim().split(" ").map(Number);
}

function showMap(kind, label, groups) {
  const card = at(`${kind}-card`);
  card.hidden = !shown[kind];
  if (!shown[kind]) return;
  const note = at(`${kind}-note`), box = at(`${kind}-map`), readout = at(`${kind}-readout`);
  box.replaceChildren();
  readout.textContent = "";
  if (!prompt().maps) {
    note.textContent = "This page holds the streams of its first prompts only, to stay small.";
    return;
  }
  const map = prompt().maps[shown.layer][kind];
  note.textContent = `${label} Blue is positive, red negative; the outermost colours stand for ±${map.scale.toPrecision(3)} and more. Hover, or use the arrow keys.`;
  const labels = make("div", "", "map-labels", { "aria-hidden": "true" });
  const body = make("div", "", "map-body", { tabindex: "0", role: "img", "aria-label": `${label} ${prompt().tokens.length} tokens.`, "aria-describedby": `${kind}-readout` });
  box.append(labels, body);
  const top = groups[0].name ? NAMES : groups[0].values ? VALUES : 0;
  labels.style.paddingTop = `${top}px`;
  for (const token of prompt().tokens) labels.append(make("div", token.text));
  const room = box.clientWidth - labels.offsetWidth;
  const layout = spread(groups, room);
  paint(body, map, bytes(map.cells), layout, top);
  follow(body, map, bytes(map.cells), layout, top, readout);
}

// The columns of each group, as wide as there is room for, and wide enough for its name.
function spread(groups, room) {
  const all = groups.reduce((sum, group) => sum + group.size, 0);
  const each = Math.max(1, Math.min(groups.length === 1 ? 32 : 10, room / all));
  let x = 0;
  return groups.map((group) => {
    const width = Math.max(each * group.size, group.name ? NARROW : 1);
    const one = { ...group, x, width, each: width / group.size };
    x += width;
    return one;
  });
}

function paint(body, map, cells, layout, top) {
  const last = layout[layout.length - 1];
  const width = Math.ceil(last.x + last.width), height = top + LINE * prompt().tokens.length;
  const dense = window.devicePixelRatio || 1;
  const canvas = make("canvas", "", "", { "aria-hidden": "true" });
  canvas.width = width * dense;
  canvas.height = height * dense;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(dense, dense);
  const style = getComputedStyle(document.documentElement);
  const [cold, warm, middle] = ["--cold", "--warm", "--middle"].map(rgb);
  for (let token = 0; token < prompt().tokens.length; token++) {
    for (const group of layout) {
      for (let i = 0; i < group.size; i++) {
        const step = cells[token * map.columns + group.start + i] / 127;
        context.fillStyle = mixed(middle, step < 0 ? warm : cold, Math.abs(step));
        const from = Math.round(group.x + i * group.each), to = Math.round(group.x + (i + 1) * group.each);
        context.fillRect(from, top + token * LINE, Math.max(1, to - from), LINE);
      }
    }
  }
  context.fillStyle = style.getPropertyValue("--line");
  for (const group of layout.slice(1)) context.fillRect(Math.round(group.x), 0, 1, height);
  const end = prompt().promptTokens;
  context.fillStyle = style.getPropertyValue("--accent");
  if (end < prompt().tokens.length) context.fillRect(0, top + end * LINE - 1, width, 2);
  context.fillStyle = style.getPropertyValue("--ink");
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const { name, values, x, width, each } of layout) {
    if (name) write(context, name, x + width / 2, top);
    const every = Math.ceil(NARROW / each);
    for (let i = 0; values && i < values.length; i += every) write(context, values[i], x + (i + 0.5) * each, top);
  }
  body.append(canvas);
}

// Upwards from the upper end of the cells.
function write(context, text, x, top) {
  context.save();
  context.translate(x, top - 5);
  context.rotate(-Math.PI / 2);
  context.fillText(text, 0, 0, top - 8);
  context.restore();
}

function mixed(middle, end, share) {
  const parts = middle.map((value, i) => Math.round(value + (end[i] - value) * share));
  return `rgb(${parts.join(" ")})`;
}

// Says what is under the pointer, or under the mark that the arrow keys move.
function follow(body, map, cells, layout, top, readout) {
  const places = layout.flatMap((group) => Array.from({ length: group.size }, (_, i) => ({ group, i })));
  const mark = make("div", "", "map-mark");
  mark.hidden = true;
  body.append(mark);
  let token = 0, column = 0;
  const tell = () => {
    const { group, i } = places[column];
    const number = (cells[token * map.columns + group.start + i] / 127) * map.scale;
    readout.textContent = `${prompt().tokens[token].text}: ${group.tell(i)}, ${number.toPrecision(3)}`;
    mark.hidden = false;
    mark.style.left = `${group.x + i * group.each - 2}px`;
    mark.style.top = `${top + token * LINE - 2}px`;
    mark.style.width = `${group.each + 4}px`;
    mark.style.height = `${LINE + 4}px`;
  };
  body.addEventListener("mousemove", (event) => {
    const box = body.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top - top;
    if (y < 0) return;
    token = Math.min(prompt().tokens.length - 1, Math.floor(y / LINE));
    const found = places.findIndex(({ group, i }) => x < group.x + (i + 1) * group.each);
    column = found < 0 ? places.length - 1 : found;
    tell();
  });
  body.addEventListener("focus", tell);
  body.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!steps) return;
    event.preventDefault();
    token = Math.max(0, Math.min(prompt().tokens.length - 1, token + steps[0]));
    column = Math.max(0, Math.min(places.length - 1, column + steps[1]));
    tell();
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
}

function showMaps() {
  const dimensions = prompt().maps ? prompt().maps[shown.layer].raw.columns : 0;
  const student = data.layers[shown.layer];
  showMap("raw", `The model's stream ${student}: tokens by ${dimensions} dimensions.`, [
    { name: "", start: 0, size: dimensions, tell: (i) => `dimension ${i}` },
  ]);
  const chosen = held().filter((i) => shown.variable < 0 || i === shown.variable);
  const groups = chosen.map((i) => {
    const { name, start, values } = data.variables[i];
    const label = shown.variable < 0 ? { name } : { name: "", values };
    return { ...label, start, size: values.length, tell: (place) => `${name} = ${values[place]}` };
  });
  const what = shown.variable < 0 ? "the values of all variables" : `the values of ${data.variables[shown.variable].name}`;
  showMap("projected", `The same stream, projected onto ${what}, each variable centred.`, groups);
}

// --- controls --------------------------------------------------------------------------------

function fillVariables() {
  const select = at("variable");
  if (shown.variable >= 0 && !held().includes(shown.variable)) shown.variable = -1;
  const options = held().map((i) => new Option(data.variables[i].name, i, false, i === shown.variable));
  select.replaceChildren(new Option("all", -1), ...options);
  select.value = shown.variable;
}

function show() {
  hideTip();
  fillVariables();
  showAnswer();
  showTable();
  showScores();
  showMaps();
}

function listen() {
  for (const name of ["prompt", "layer", "variable"]) {
    at(name).addEventListener("change", (event) => { shown[name] = Number(event.target.value); show(); });
  }
  for (const name of ["fold", "raw", "projected"]) {
    at(name).addEventListener("click", () => {
      shown[name] = !shown[name];
      at(name).setAttribute("aria-pressed", shown[name]);
      show();
    });
  }
  const box = at("table");
  const cellAt = (event) => event.target.closest && event.target.closest("td[data-variable]");
  box.addEventListener("mouseover", (event) => { const cell = cellAt(event); if (cell) showTip(cell); else hideTip(); });
  box.addEventListener("mouseleave", hideTip);
  box.addEventListener("scroll", keepTip);
  box.addEventListener("focusin", (event) => { const cell = cellAt(event); if (cell) showTip(cell); });
  box.addEventListener("focusout", hideTip);
  box.addEventListener("keydown", (event) => {
    const cell = cellAt(event);
    const next = cell && move(cell, event.key, event.ctrlKey);
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", inline: "center" });
    showTip(next);
  });
  window.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  window.addEventListener("scroll", keepTip, { passive: true });
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    keepTip();
    if (window.innerWidth !== width) showMaps();
    width = window.innerWidth;
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showMaps);
}

function start() {
  data.prompts.forEach((one, i) => {
    const mark = one.isRight === null ? "" : one.isRight ? "✓ " : "✗ ";
    at("prompt").append(new Option(`${i + 1}. ${mark}${one.prompt.replace(/\s+/g, " ").slice(0, 90)}`, i));
  });
  data.layers.forEach((student, i) => at("layer").append(new Option(`${i} (model's stream ${student})`, i)));
  at("layer").value = shown.layer;
  listen();
  show();
}

start();
})();
