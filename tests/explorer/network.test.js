/** Every number of the browser's network beside torch's, which test_network.py writes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { influence, redraw } from "../../ultimus/explorer/company.js";
import { CHANGES, entropy, features, maps, patchFeatures, row, trace } from "../../ultimus/explorer/network.js";
import { layers } from "../../ultimus/explorer/scene.js";
import { walk } from "../../ultimus/explorer/walk.js";

const told = JSON.parse(readFileSync(process.env.ULTIMUS_NUMBERS));
const network = layers(Float32Array.from(told.weights), told.parts);
const pictures = told.pictures.map((pixels) => Uint8Array.from(pixels));
const x = Float32Array.from(told.features.flat());

function close(ours, theirs, tolerance, name = "") {
  const flat = theirs.flat(Infinity);
  assert.equal(ours.length, flat.length, `${name}: as many numbers`);
  flat.forEach((value, n) => {
    const gap = Math.abs(ours[n] - value);
    assert.ok(gap <= tolerance * Math.max(1, Math.abs(value)), `${name}[${n}]: ${ours[n]}, ${value}`);
  });
}

test("maps and features are torch's", () => {
  close(maps(network, pictures[0]).first, told.first, 5e-5, "first map");
  close(maps(network, pictures[0]).second, told.second, 5e-5, "second map");
  close(features(network, pictures), told.features, 2e-5, "features");
});

for (const change of Object.keys(CHANGES)) {
  test(`a group's passes are torch's, attention ${change}`, () => {
    const { passes, logits } = trace(network, x, { change, passes: told.passes });
    const theirs = told.traces[change];
    assert.equal(passes.length, theirs.passes.length);
    passes.forEach((pass, n) => {
      for (const [name, values] of Object.entries(theirs.passes[n])) {
        close(pass[name], values, name === "weights" ? 1e-5 : 1e-4, `${name} of pass ${n + 1}`);
      }
    });
    logits.forEach((each, n) => close(each, theirs.logits[n], 1e-4, `logits after ${n}`));
  });
}

test("from pixels to answers, the errors of all layers together", () => {
  const { passes, logits } = trace(network, features(network, pictures));
  close(passes[3].weights, told.traces.learned.passes[3].weights, 1e-5, "weights");
  close(logits[4], told.traces.learned.logits[4], 1e-4, "logits");
});

for (const { grid, ...theirs } of told.grids) {
  test(`patches of a grid of ${grid} look at each other as torch's do`, () => {
    const ours = patchFeatures(network, pictures[0], grid);
    close(ours, theirs.features, 2e-5, "features");
    const { passes, logits } = trace(network, ours, { patches: true });
    passes.forEach((pass, n) => close(pass.weights, theirs.weights[n], 1e-5, `weights ${n + 1}`));
    logits.forEach((each, n) => close(each, theirs.logits[n], 1e-4, `logits after ${n}`));
    const uniform = trace(network, ours, { patches: true, change: "uniform" }).logits;
    uniform.forEach((each, n) => close(each, theirs.uniform[n], 1e-4, `uniform, logits after ${n}`));
    influence(network, ours, 1, { patches: true }).forEach((change, n) => close(change, theirs.influence[n], 1e-4, `without ${n}`));
  });
}

test("a walk's numbers are torch's, and its check finds only rounding", () => {
  const traced = trace(network, x);
  for (const cell of told.walks) {
    const ours = walk(network, traced, cell.number, cell.i, cell.j);
    for (const [name, values] of Object.entries(cell.numbers)) {
      close([ours[name]].flatMap((each) => (each.length ? [...each] : each)), [values], 1e-4, name);
    }
    assert.deepEqual(Object.keys(ours.check).sort(), cell.checked);
    assert.ok(Math.max(...Object.values(ours.check)) < 1e-5);
  }
});

test("the check finds a number that is wrong", () => {
  const traced = trace(network, x);
  const names = { q: "query", k: "keys", v: "values", scores: "scores", weights: "weights" };
  Object.assign(names, { mixed: "mixed", residual: "residual", state: "after" });
  for (const [field, name] of Object.entries(names)) {
    const passes = [...traced.passes];
    passes[1] = { ...passes[1], [field]: passes[1][field].map((value) => value + 0.5) };
    const { check } = walk(network, { ...traced, passes }, 2, 3, 5);
    assert.ok(Math.abs(check[name] - 0.5) < 1e-5, `${name}: ${check[name]}`);
  }
});

test("leaving one companion out changes the answer as torch says", () => {
  influence(network, x, 2).forEach((change, j) => close(change, told.influence[j], 1e-5, `${j}`));
});

test("redrawn companions: the same for a seed, alone is a group of one", () => {
  const [one, again, other] = [7, 7, 8].map((seed) => redraw(network, x, 3, { draws: 5, size: 5, seed }));
  assert.deepEqual(one, again);
  assert.notDeepEqual(one.mean, other.mean);
  close(one.alone, told.alone, 1e-5, "alone");
  for (const answer of one.answers) {
    assert.ok(Math.abs(answer.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  }
});

test("companions are drawn without the picture, and none twice", () => {
  const whole = { draws: 3, size: told.features.length, seed: 1 }; // everybody, in whatever order
  const { answers, flips } = redraw(network, x, 3, whole);
  for (const answer of answers) close(answer, told.whole, 1e-5, "all together");
  assert.equal(flips, 0);
});

test("entropy is torch's", () => {
  const { passes } = trace(network, x);
  const size = told.features.length;
  const ours = told.entropy.map((_, i) => entropy(row(passes[0].weights, i, size)));
  close(ours, told.entropy, 1e-5, "entropy");
});
