"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = Object.fromEntries(data.fields.map((name, n) => [name, n]));
  const element = (id) => document.getElementById(id);
  const STEP = 100;
  let limit = STEP, found = [];

  const config = { displayModeBar: false, responsive: true };
  for (const name of ["verdicts", "structures"]) {
    const figure = JSON.parse(element("figure-" + name).textContent);
    Plotly.newPlot(element("chart-" + name), figure.data, figure.layout, config);
  }
  const onClick = (chart, select) =>
    element(chart).on("plotly_click", (event) => {
      element(select).value = String(event.points[0].y);
      update();
      element("masks").scrollIntoView();
    });
  onClick("chart-structures", "filter-structure");
  onClick("chart-verdicts", "filter-verdict");

  function addOptions(select, names) {
    for (const name of names) {
      const option = document.createElement("option");
      option.value = option.textContent = name;
      select.append(option);
    }
  }
  addOptions(element("filter-structure"), data.structures.filter(Boolean).sort());
  addOptions(element("filter-verdict"), data.verdicts);

  // The names of a row that the table, the cards and the command share.
  function described(n) {
    const row = data.rows[n], [name, ct, masks, axis, isSeries] = data.cases[row[at.case]];
    const segment = data.segments[row[at.segment]], structure = data.structures[row[at.structure]];
    const ending = data.endings[row[at.ending]];
    return {
      row, case: name, ct, axis, isSeries, segment,
      structure, verdict: data.verdicts[row[at.verdict]],
      mask: masks + ending.replace("*", () => segment),
      dice: share(row[at.dice]),
      interval: row[at.low] === null ? "" : share(row[at.low]) + "\u2013" + share(row[at.high]),
      slice: row[at.slice] === null ? "" : axis + " = " + row[at.slice],
      place: row[at.x] === null ? null : [row[at.x], row[at.y], row[at.z]],
    };
  }
  const share = (thousandths) => (thousandths === null ? "" : (thousandths / 1000).toFixed(2));
  const volume = (ml) => (ml < 100 ? ml.toFixed(1) : Math.round(ml).toLocaleString("en"));
  const letters = (name) => name.toLowerCase().split(/[\W_]+/).sort().join(" ");
  const title = (one) =>
    !one.structure || letters(one.structure) === letters(one.segment)
      ? one.segment : one.segment + " (" + one.structure + ")";

  function command(one) {
    const values = {
      "{ct}": JSON.stringify(one.ct), "{mask}": JSON.stringify(one.mask),
      "{place}": one.place && one.place.map((mm) => mm.toFixed(1)).join(","),
    };
    const code = data.code[one.isSeries][one.place ? 1 : 0].replace(/\{\w+\}/g, (name) => values[name]);
    const quoted = /^Win/.test(navigator.platform)
      ? '"' + code.replace(/(\\*)"/g, '$1$1\\"') + '"' : "'" + code.replace(/'/g, "'\"'\"'") + "'";
    return "Slicer --python-code " + quoted;
  }

  async function copy(text) {
    const bar = element("command");
    bar.querySelector("code").textContent = text;
    bar.hidden = false;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(bar.querySelector("code"));
      done = document.execCommand("copy");
    }
    bar.querySelector("span").textContent = done ? "Copied; paste it in a terminal:" : "Copy this:";
  }
  element("command").querySelector("button").addEventListener("click", () => (element("command").hidden = true));

  function node(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function copyLink(one) {
    const link = node("button", "Copy Slicer command", "copy");
    link.type = "button";
    link.title = "Copies the command that opens this mask in 3D Slicer at this slice";
    link.addEventListener("click", () => copy(command(one)));
    return link;
  }

  function verdictCell(one, tag) {
    const cell = node(tag, undefined, "verdict"), dot = node("span", undefined, "dot");
    dot.style.background = data.colours[one.verdict];
    cell.append(dot, one.verdict);
    return cell;
  }

  function tableRow(n) {
    const one = described(n), line = node("tr");
    const file = node("td", one.mask, "file");
    file.title = "CT: " + one.ct;
    line.append(
      node("td", String(n + 1)), node("td", one.case), node("td", title(one)), verdictCell(one, "td"),
      node("td", one.dice, "number"), node("td", one.interval, "number"),
      node("td", volume(one.row[at.wrong]), "number"), node("td", one.slice, "number"), file);
    const last = node("td");
    last.append(copyLink(one));
    line.append(last);
    return line;
  }

  function card(n) {
    const one = described(n), box = node("div", undefined, "card"), image = node("img");
    image.src = data.pictures[n];
    image.alt = title(one) + " of " + one.case + ", slice " + one.slice;
    image.title = data.reasons[n];
    box.append(
      image, node("b", n + 1 + ". " + title(one)), node("div", one.case + ", " + one.slice), verdictCell(one, "div"),
      node("div", "Dice " + (one.dice || "?") + ", wrong " + volume(one.row[at.wrong]) + " ml"), copyLink(one));
    return box;
  }

  function matching() {
    const structure = element("filter-structure").value, verdict = element("filter-verdict").value;
    const part = element("filter-case").value.trim().toLowerCase();
    const s = data.structures.indexOf(structure), v = data.verdicts.indexOf(verdict);
    const cases = data.cases.map((one) => one[0].toLowerCase().includes(part));
    const kept = [];
    data.rows.forEach((row, n) => {
      if (structure && row[at.structure] !== s) return;
      if (verdict === "review" ? !row[at.review] : verdict && row[at.verdict] !== v) return;
      if (cases[row[at.case]]) kept.push(n);
    });
    return kept;
  }

  function draw() {
    element("table").tBodies[0].replaceChildren(...found.slice(0, limit).map(tableRow));
    element("more").hidden = found.length <= limit;
  }

  function update() {
    limit = STEP;
    found = matching();
    const pictured = found.filter((n) => n in data.pictures);
    element("cards").replaceChildren(...pictured.map(card));
    element("picture-legend").hidden = pictured.length === 0;
    element("shown").textContent =
      found.length.toLocaleString("en") + " of " + data.rows.length.toLocaleString("en") + " masks" +
      (found.length ? "" : ": no mask fits these filters");
    draw();
  }

  element("filters").addEventListener("input", update);
  element("filters").addEventListener("submit", (event) => event.preventDefault());
  element("filter-clear").addEventListener("click", () => { element("filters").reset(); update(); });
  element("more").addEventListener("click", () => { limit += STEP; draw(); });
  update();
})();
