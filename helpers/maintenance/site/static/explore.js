// The page Explore: one table and one chart of all models, and what two of them answer.

const place = document.getElementById("explorer");
const folder = place.dataset.folder;
const status = document.getElementById("explore-status");
const SHOWN = 24; // images at a time
const COLUMNS = [
  ["model", "model", (row) => row.model],
  ["family", "family", (row) => row.family],
  ["test_accuracy", "accuracy", (row) => percent(row.test_accuracy)],
  ["training_seconds", "training", (row) => duration(row.training_seconds)],
  ["parameters", "parameters", (row) => row.parameters.toLocaleString("en")],
  ["mflops", "MFLOPs", (row) => (row.mflops === null ? "–" : row.mflops.toFixed(row.mflops < 10 ? 2 : 0))],
];

const percent = (share) => `${(100 * share).toFixed(2)} %`;

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function element(kind, attributes = {}, ...content) {
  const made = document.createElement(kind);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...content);
  return made;
}

async function start() {
  const [known, bytes] = await Promise.all([
    fetch(`${folder}/explore.json`).then((found) => found.json()),
    fetch(`${folder}/answers.bin`).then((found) => found.arrayBuffer()),
  ]);
  const row = (number) => new Uint8Array(bytes, number * known.images, known.images);
  const labels = row(0);
  const answers = known.models.map((_, number) => row(1 + 2 * number));
  const confidences = known.models.map((_, number) => row(2 + 2 * number));
  const ordered = [...known.models.keys()].sort(
    (a, b) => known.models[b].test_accuracy - known.models[a].test_accuracy,
  );
  const state = { sort: "test_accuracy", down: true, chosen: ordered[0], other: ordered[1] };
  const families = () =>
    new Set([...document.querySelectorAll("input[name=family]:checked")].map((box) => box.value));
  const visible = () => known.models.filter((model) => families().has(model.family));
  let view = await draw(known);

  function choose(name) {
    state.chosen = known.models.findIndex((model) => model.model === name);
    if (state.other === state.chosen) state.other = ordered.find((one) => one !== state.chosen);
    update();
  }

  function update() {
    const rows = visible();
    view.signal("cost", document.getElementById("cost").value);
    view.signal("chosen", known.models[state.chosen].model);
    view.data("models", rows.map((one) => ({ ...one })));
    view.runAsync();
    showTable(rows);
    showPair();
    showConfusion();
  }

  function showTable(rows) {
    const value = (one) => one[state.sort];
    const sorted = [...rows].sort((a, b) => {
      if (value(a) === null || value(b) === null) return (value(a) === null) - (value(b) === null);
      const order = typeof value(a) === "string" ? value(a).localeCompare(value(b)) : value(a) - value(b);
      return state.down ? -order : order;
    });
    const heads = COLUMNS.map(([key, words]) => {
      const sort = key === state.sort ? (state.down ? "descending" : "ascending") : "none";
      const turn = () => {
        state.down = key === state.sort ? !state.down : key === "test_accuracy";
        state.sort = key;
        showTable(visible());
        document.querySelector(`#models button[data-key=${key}]`).focus();
      };
      const button = element("button", { type: "button", "data-key": key, onclick: turn }, words);
      return element("th", { scope: "col", "aria-sort": sort }, button);
    });
    const lines = sorted.map((one) => {
      const isChosen = one.model === known.models[state.chosen].model;
      const pick = element(
        "button",
        { type: "button", "aria-pressed": isChosen, onclick: () => choose(one.model) },
        one.model,
      );
      const cells = COLUMNS.slice(1).map(([, , write]) => element("td", {}, write(one)));
      return element("tr", { class: isChosen ? "chosen" : "" }, element("th", { scope: "row" }, pick), ...cells);
    });
    document.getElementById("models").replaceChildren(
      element("h2", {}, "All models"),
      element("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "Table of all models" },
        element("table", { class: "table" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines))),
    );
  }

  function selection(label, key) {
    const options = ordered.map((number) => {
      const option = element("option", { value: number }, known.models[number].model);
      option.selected = number === state[key];
      return option;
    });
    const changed = (event) => {
      state[key] = Number(event.target.value);
      update();
      document.getElementById(`select-${key}`).focus();
    };
    return element("label", {}, `${label} `, element("select", { id: `select-${key}`, onchange: changed }, ...options));
  }

  function showPair() {
    const [first, second] = [state.chosen, state.other];
    const disputed = [];
    const counts = { first: 0, second: 0, neither: 0 };
    for (let image = 0; image < known.images; image += 1) {
      const [a, b, truth] = [answers[first][image], answers[second][image], labels[image]];
      if (a === b) continue;
      disputed.push(image);
      counts[a === truth ? "first" : b === truth ? "second" : "neither"] += 1;
    }
    const names = [known.models[first].model, known.models[second].model];
    const words =
      `They disagree on ${disputed.length} of ${known.images.toLocaleString("en")} images. ` +
      `${names[0]} alone is right on ${counts.first}, ${names[1]} alone on ${counts.second}, ` +
      `neither on ${counts.neither}. Each is the training with seed ` +
      `${known.models[first].seed}${known.models[first].seed === known.models[second].seed ? "" : ` and ${known.models[second].seed}`}.`;
    const caption = (image) => [
      `truth: ${known.classes[labels[image]]}`,
      ...[first, second].map((model, side) =>
        said(answers[model][image], labels[image], confidences[model][image], "AB"[side])),
    ];
    document.getElementById("compared").replaceChildren(
      element("h2", {}, "Two models side by side"),
      element("p", { class: "choice" }, selection("A", "chosen"), selection("B", "other")),
      element("p", { id: "disagreement" }, words),
      gallery(disputed, caption),
    );
  }

  function said(answer, truth, confidence, side) {
    const mark = answer === truth ? "✓" : "✗";
    return `${side} ${mark} ${known.classes[answer]} ${confidence} %`;
  }

  function gallery(images, caption) {
    const box = element("div", { class: "gallery" });
    const note = element("div", {});
    let shown = 0;
    const more = () => {
      for (const image of images.slice(shown, shown + SHOWN)) box.append(card(image, caption(image)));
      shown = Math.min(images.length, shown + SHOWN);
      const rest = images.length - shown;
      note.replaceChildren(
        ...(rest ? [element("button", { type: "button", class: "more", onclick: more }, `Show more (${rest} left)`)] : []),
      );
    };
    if (!known.sheets) return element("p", {}, "The images are not part of this copy of the site: it was built without the data set.");
    more();
    return element("div", {}, box, note);
  }

  function card(image, lines) {
    const onSheet = image % known.per_sheet;
    const [x, y] = [onSheet % known.columns, Math.floor(onSheet / known.columns)];
    const sheet = `${folder}/images_${Math.floor(image / known.per_sheet)}.png`;
    const style =
      `background-image:url(${sheet});background-position:${-x * 84}px ${-y * 84}px;` +
      `background-size:${known.columns * 84}px auto`;
    const picture = element("div", { class: "garment", role: "img", "aria-label": `test image ${image}`, style });
    return element("figure", {}, picture, element("figcaption", {}, ...lines.map((line) => element("span", {}, line))));
  }

  function showConfusion() {
    const model = known.models[state.chosen];
    const counts = known.classes.map(() => known.classes.map(() => 0));
    labels.forEach((truth, image) => (counts[truth][answers[state.chosen][image]] += 1));
    const right = counts.reduce((sum, row, truth) => sum + row[truth], 0);
    const place = element("div", { id: "cell", "aria-live": "polite" });
    const open = (truth, answer) => {
      const images = [...labels.keys()].filter(
        (image) => labels[image] === truth && answers[state.chosen][image] === answer,
      );
      const words = `${images.length} images of the class ${known.classes[truth]} that ${model.model} calls ${known.classes[answer]}:`;
      place.replaceChildren(
        element("p", {}, words),
        gallery(images, (image) => [`${confidences[state.chosen][image]} % sure`]),
      );
    };
    const head = known.classes.map((name) => element("th", { scope: "col" }, element("span", {}, name)));
    const lines = counts.map((row, truth) => {
      const cells = row.map((count, answer) => {
        const share = count / row.reduce((a, b) => a + b);
        const style = `--share:${Math.sqrt(share).toFixed(3)}`;
        const kind = truth === answer ? "right" : "wrong";
        if (!count) return element("td", { class: kind, style }, "");
        const label = `${count} of class ${known.classes[truth]} called ${known.classes[answer]}`;
        const button = element("button", { type: "button", "aria-label": label, onclick: () => open(truth, answer) }, `${count}`);
        return element("td", { class: kind, style }, button);
      });
      return element("tr", {}, element("th", { scope: "row" }, known.classes[truth]), ...cells);
    });
    document.getElementById("confused").replaceChildren(
      element("h2", {}, `What ${model.model} takes for what`),
      element("p", {},
        `${model.title}: ${percent(model.test_accuracy)} of the test images` +
          ` (${percent(model.test_accuracy_low)} to ${percent(model.test_accuracy_high)}, ` +
          `${model.seeds} seeds). It comes from `,
        element("a", { href: `notebooks/${model.notebook}.html` }, `notebook ${model.notebook.slice(0, 2)}`), "."),
      element("p", { id: "right" }, `Rows are the true classes, columns the answers. ${right.toLocaleString("en")} of ${known.images.toLocaleString("en")} images are on the diagonal. Click a number to see its images.`),
      element("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "Confusion matrix" },
        element("table", { class: "confusion" }, element("thead", {}, element("tr", {}, element("td", {}), ...head)), element("tbody", {}, ...lines))),
      place,
    );
  }

  async function draw(content) {
    const ink = () => getComputedStyle(document.body).color;
    const themed = { config: { axis: { labelColor: ink(), titleColor: ink(), labelFontSize: 13, titleFontSize: 13 } } };
    const options = { actions: false, renderer: "svg", ...themed };
    const { view: made } = await vegaEmbed("#chart", content.chart, options);
    made.addEventListener("click", (_, item) => item?.datum?.model && choose(item.datum.model));
    return made;
  }

  document.getElementById("cost").addEventListener("change", update);
  document.getElementById("controls").addEventListener("change", update);
  new MutationObserver(async () => {
    view = await draw(known);
    update();
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  status.textContent = "";
  update();
}

start().catch((error) => {
  status.textContent = `This page could not load its data (${error.message}): reload it, or build the site anew.`;
});
