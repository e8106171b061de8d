"use strict";

const { variables } = readData();
const byName = new Map(variables.map((one, place) => [one.name, { ...one, place }]));
const $ = (id) => document.getElementById(id);
const tables = ["interchange", "steering"].map((name) => $(`${name}-table`)).filter(Boolean);

const element = (tag, text, className) => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

/** The tables of variables, in the order that is chosen, without what changes nothing. */
function arrange() {
  const order = $("order").value;
  const share = (one) => one[order]?.share ?? -1;
  const compare = {
    program: (a, b) => a.place - b.place,
    name: (a, b) => a.name.localeCompare(b.name),
  }[order] ?? ((a, b) => share(b) - share(a) || a.place - b.place);
  const onlyChanging = $("changing").getAttribute("aria-pressed") === "true";
  for (const table of tables) {
    const kind = table.id.replace("-table", "");
    const body = table.querySelector("tbody");
    const rows = [...body.rows].map((row) => [byName.get(row.cells[0].textContent), row]);
    rows.sort(([a], [b]) => compare(a, b));
    for (const [one, row] of rows) {
      row.hidden = onlyChanging && !one[kind]?.n;
      body.append(row);
    }
  }
}

function detailTable(caption, heads, rows) {
  const box = element("div", "", "scroll");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", caption);
  const table = document.createElement("table");
  table.append(element("caption", caption));
  const head = table.createTHead().insertRow();
  heads.forEach((text, place) => {
    const cell = element("th", text, place ? "number" : "");
    cell.scope = "col";
    head.append(cell);
  });
  const body = table.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    cells.forEach((text, place) => {
      const cell = element(place ? "td" : "th", text, place ? "number" : "");
      if (!place) cell.scope = "row";
      row.append(cell);
    });
  }
  box.append(table);
  return box;
}

/** One variable: swapped, and set to each of its values. */
function show() {
  const one = byName.get($("variable").value);
  const where = `Layer ${one.layer} of the program, ${one.studentLayer} of the model; `
    + `${one.rank} ${one.rank === 1 ? "dimension" : "dimensions"}.`;
  const rows = [];
  const cells = (label, found) => [label, String(found.n), found.own, found.random];
  if (one.interchange) rows.push(cells("swapped", one.interchange));
  for (const value of one.values ?? []) rows.push(cells(`set to ${value.value}`, value));
  const heads = ["", "changes the program's answer", "model answers alike, %", "random, %"];
  $("detail").replaceChildren(element("p", where, "note"), detailTable(one.name, heads, rows));
}

for (const one of variables) $("variable").append(new Option(one.name, one.name));
$("variable").value = variables.at(-1).name;
$("variable").addEventListener("change", show);
$("order").addEventListener("change", arrange);
$("changing").addEventListener("click", () => {
  const pressed = $("changing").getAttribute("aria-pressed") === "true";
  $("changing").setAttribute("aria-pressed", String(!pressed));
  arrange();
});
show();
