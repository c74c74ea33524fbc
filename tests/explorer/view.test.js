/** What is looked at: links, groups and what follows from them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { layers, unpack } from "../../ultimus/explorer/scene.js";
import { share } from "../../ultimus/explorer/pair.js";
import { PatchView } from "../../ultimus/explorer/patch_view.js";
import { View } from "../../ultimus/explorer/view.js";

const COUNT = 23;
const SIZES = { k: [8, 48], q: [8, 48], v: [8, 48], out: [48, 8], cap: [3, 48] };
const WHOLE = { conv1: [16, 27], conv2: [32, 144], conv3: [48, 288], ...SIZES };

function numbers(count, seed) {
  return Float32Array.from({ length: count }, (_, n) => Math.sin(seed * 91.7 + n * 12.9898) / 3);
}

function network(sizes, seed) {
  const parts = Object.entries(sizes).flatMap(([name, [o, i]]) => [[`${name}.weight`, o * i], [`${name}.bias`, o]]); // prettier-ignore
  return layers(numbers(parts.reduce((sum, [, size]) => sum + size, 0), seed), parts);
}

function view(link, group) {
  const steps = [0, 10, 70];
  return new View(
    {
      classes: ["cat", "dog", "owl"],
      pictures: {
        labels: Array.from({ length: COUNT }, (_, n) => (n * n) % 3),
        pixels: Array.from({ length: COUNT }, (_, n) => new Uint8Array(3072).fill(n)),
      },
      snapshots: steps.map((step) => ({
        ...{ step, epoch: step / 10, network: network(SIZES, step + 1) },
        features: numbers(COUNT * 48, step + 5),
        whole: step === 70 ? network(WHOLE, 7) : undefined,
      })),
    },
    link,
    group,
  );
}

test("a link carries what is shown, and brings it back", () => {
  const one = view();
  one.set({ index: 1, pass: 3, show: "scores", isFitted: true, walk: 5, members: [4, 9, 2, 17, 22] });
  one.set({ as: "lines", tab: "company", passes: 7, draws: 64, seed: 3, ablation: "identity" });
  one.set({ cell: [3, 1] });
  const other = view(one.link());
  assert.deepEqual(other.link(), one.link());
  assert.deepEqual(other.now.weights, one.now.weights);
});

test("a link that says nothing sensible shows what a first visit shows", () => {
  const first = view().link();
  for (const bad of ["", "x", "-1", "1e99", "NaN", "99-99", "1,1", "0x1"]) {
    const link = Object.fromEntries(Object.keys(first).map((name) => [name, bad]));
    const now = view(link);
    assert.equal(now.now.weights.length, now.size ** 2, bad);
    assert.ok(now.cell.every((place) => Number.isInteger(place) && place < now.size), bad);
    assert.ok(now.pass >= 1 && now.pass <= 4 && now.walk >= 1, bad);
  }
});

test("a link's step is the nearest that is kept", () => {
  for (const [asked, shown] of [["12", 10], ["60", 70], ["1000", 70], ["0", 0]]) {
    assert.equal(view({ step: asked }).snapshot.step, shown);
  } // prettier-ignore
});

test("the first cell is of the picture that the passes bring nearest to its class", () => {
  const now = view();
  const gains = now.members.map((_, place) => {
    const answers = now.answers(place);
    const label = now.label(place);
    const isRight = answers.at(-1)[label] === Math.max(...answers.at(-1));
    return isRight ? answers.at(-1)[label] - answers[0][label] : 0;
  });
  const [i, j] = now.cell;
  assert.ok(gains[i] > 0);
  assert.equal(gains[i], Math.max(...gains));
  const weights = now.now.weights.slice(i * now.size, (i + 1) * now.size);
  assert.ok(weights.every((weight, other) => other === i || weight <= weights[j]));
});

test("where passes help nobody, it is the strongest between two pictures of one class", () => {
  const now = view();
  now.gain = () => 0;
  const [i, j] = now.telling();
  const weight = (a, b) => now.now.weights[a * now.size + b];
  assert.notEqual(i, j);
  assert.equal(now.label(i), now.label(j));
  for (let a = 0; a < now.size; a++) {
    for (let b = 0; b < now.size; b++) {
      if (a !== b && now.label(a) === now.label(b)) assert.ok(weight(a, b) <= weight(i, j));
    }
  }
});

test("itself, others of the class and all others share a row, and chance shares it too", () => {
  const now = view();
  for (let place = 0; place < now.size; place++) {
    const shares = Object.values(now.shares(place));
    for (const which of [0, 1]) {
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share[which], 0) - 1) < 1e-6);
    }
  }
  const sum = now.received.reduce((total, share) => total + share, 0);
  assert.ok(Math.abs(sum - 1) < 1e-6);
});

test("another draw holds each picture once", () => {
  const now = view();
  now.regroupAtRandom(3);
  assert.equal(new Set(now.members).size, 16);
  const first = now.members;
  now.regroupAtRandom(4);
  assert.notDeepEqual(now.members, first);
});

test("an own picture takes the first place, at the last step, and is no longer in a link", () => {
  const now = view();
  now.set({ index: 0 });
  now.add("my dog.jpg", new Uint8Array(3072).fill(200));
  assert.equal(now.name(0), "my dog.jpg");
  assert.equal(now.label(0), null);
  assert.equal(now.cell[0], 0);
  assert.ok(now.isLast && now.hasOwn);
  assert.equal(now.size, 16);
  now.add("another.png", new Uint8Array(3072).fill(20));
  assert.deepEqual([now.name(0), now.name(1)], ["another.png", "my dog.jpg"]);
  now.regroupAtRandom(1);
  assert.deepEqual([now.name(0), now.name(1), now.size], ["another.png", "my dog.jpg", 16]);
  assert.ok(!now.link().images.split(",").some((member) => Number(member) >= COUNT));
  now.removeOwn();
  assert.ok(!now.hasOwn && now.pool.length === COUNT * 48);
});

test("whoever listens is told what has changed, once, and nothing where nothing has", () => {
  const now = view();
  const told = [];
  now.listen((changed) => told.push(changed));
  now.set({ pass: 2, show: "weights" });
  now.set({ pass: 2 });
  now.sortByClass();
  assert.deepEqual(told, [["pass"], ["members", "cell"]]);
  const labels = now.members.map((_, place) => now.label(place));
  assert.deepEqual(labels, [...labels].sort());
});

test("each snapshot's numbers are unpacked from their own place", () => {
  for (const [count, perStep, perPool] of [[1, 3, 48], [3, 5, 96], [4, 7, 144]]) {
    const packed = (each) => {
      const all = numbers(count * each, each);
      return [all, Buffer.from(all.buffer).toString("base64")];
    };
    const [small, weights] = packed(perStep);
    const [rows, features] = packed(perPool);
    const scene = unpack({
      pictures: { pixels: "", labels: [] },
      snapshots: {
        ...{ steps: [...numbers(count, 1)], epochs: [], weights, features },
        parts: [["cap.weight", perStep - 1], ["cap.bias", 1]],
      },
      weights: { numbers: weights, parts: [["all.weight", small.length]] },
    }); // prettier-ignore
    assert.deepEqual(scene.snapshots.at(-1).whole.all.weight, small);
    [...scene.snapshots].forEach((snapshot, n) => {
      const { weight, bias } = snapshot.network.cap;
      assert.deepEqual([...weight, ...bias], [...small.subarray(n * perStep, (n + 1) * perStep)]);
      assert.deepEqual(snapshot.features, rows.subarray(n * perPool, (n + 1) * perPool));
    });
  }
});

test("a link of the app's page may name the group elsewhere, and its first cell is the strongest", () => {
  const now = view({ pass: "2" }, { members: [5, 1, 3, 8, 13, 21, 2], tells: (made) => made.strongest() });
  assert.deepEqual(now.members, [5, 1, 3, 8, 13, 21, 2]);
  assert.deepEqual(now.cell, now.strongest());
  assert.deepEqual(view({ cell: "40-3" }, { members: [5, 1, 3] }).cell, [2, 2]);
});

test("of two views side by side one choice holds for both, but for the step", () => {
  const [one, other] = [view(), view({ step: "10" })];
  share(one, other);
  one.set({ cell: [3, 1], pass: 4 });
  other.set({ show: "scores", tab: "ablations", ablation: "identity" });
  one.set({ index: 0 });
  const { step, ...shared } = one.link();
  assert.deepEqual({ step, ...other.link() }, { ...shared, step: "10" });
  assert.deepEqual([step, shared.cell, shared.show], ["0", "3-1", "scores"]);
});

test("of several steps that are asked for, the last is shown once it is here", async () => {
  const now = view();
  const arrivals = {};
  const late = (index) => ({
    ...now.scene.snapshots[index],
    isHere: false,
    load() {
      return new Promise((resolve) => (arrivals[index] = () => resolve((this.isHere = true))));
    },
  });
  now.scene.snapshots.splice(0, 2, late(0), late(1));
  const seeks = [now.seek(0), now.seek(1)];
  arrivals[1]();
  await seeks[1];
  assert.equal(now.index, 1);
  arrivals[0]();
  await seeks[0];
  assert.equal(now.index, 1);
});

test("a picture's company is itself first, and then all others", async () => {
  const now = view({}, { members: [4, 9, 2] });
  const pool = await now.company(1);
  assert.equal(pool.length, COUNT * 48);
  assert.deepEqual(pool.slice(0, 48), now.trace.features.slice(48, 96));
  now.scene.numbers = Array.from({ length: COUNT }, (_, n) => n + 100);
  now.scene.companions = () => ({ numbers: [109, 7, 8], features: numbers(3 * 48, 2) });
  const drawn = await now.company(1);
  assert.deepEqual(drawn.slice(48), numbers(3 * 48, 2).slice(48)); // 109 is the picture itself
});

// Patches of one picture --------------------------------------------------------------------------

function patches(link, group, grid = 3) {
  const { scene } = view();
  const snapshots = scene.snapshots.map(({ step, epoch }) => {
    const whole = network(WHOLE, step + 1);
    return { step, epoch, whole, network: whole };
  });
  return new PatchView({ ...scene, grid, snapshots }, link, group);
}

test("a link to patches carries the picture, and brings it back", () => {
  const one = patches();
  one.set({ picture: 4, pass: 2, index: 1 });
  one.set({ cell: [7, 2] });
  const other = patches(one.link());
  assert.deepEqual(other.link(), one.link());
  assert.equal(other.link().picture, "4");
  assert.deepEqual(other.now.weights, one.now.weights);
  assert.equal(patches({ patch: "5" }).cell[0], 5); // as links once said it
  for (const bad of ["", "x", "-1", "1e99", "99", "63"]) {
    const now = patches({ picture: bad, cell: bad, patch: bad });
    assert.ok(now.cell.every((place) => place >= 0 && place < 9), bad);
    assert.equal(now.trace.logits[4].length, 3, bad);
  }
});

test("another picture is another group of which the same patches are looked at", () => {
  const one = patches({ picture: "1", cell: "3-8" });
  const [before, told] = [one.now.weights, []];
  one.listen((changed) => told.push(...changed));
  one.set({ picture: 2 });
  assert.deepEqual(one.cell, [3, 8]);
  assert.notDeepEqual(one.now.weights, before);
  assert.ok(told.includes("members"));
});

test("a reader's own picture is the one whose patches are looked at, at every step", () => {
  const one = patches({ step: "0", picture: "3", cell: "3-8" });
  one.add("mine.png", new Uint8Array(3072).fill(200));
  assert.equal(one.whose(), "mine.png");
  assert.equal(one.label(), null);
  assert.equal(one.link().step, "0");
  assert.equal(one.pixels(8).length, 3 * 11 ** 2);
  one.removeOwn();
  assert.equal(one.whose(), "cat");
  assert.equal(one.members.length, COUNT);
});
