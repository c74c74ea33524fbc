/**
 * What companions do: the same picture in other company, and what becomes of its answer.
 *
 * Everything starts from features, since the convolutions see each picture alone.
 * Shape letters: N pictures in the pool, B in a group, D = 48 features, C classes.
 */

import { FEATURES, row, softmax, trace } from "./network.js";

/** The class probabilities (C) of picture i after the last pass. */
export function answer(network, features, i, options) {
  const { logits } = trace(network, features, options);
  const classes = network.cap.bias.length;
  return softmax(row(logits.at(-1), options?.patches ? 0 : i, classes));
}

/** The features (B, D) of some pictures of a pool (N, D). */
export function gather(pool, members) {
  const features = new Float32Array(members.length * FEATURES);
  members.forEach((member, n) => features.set(row(pool, member, FEATURES), n * FEATURES));
  return features;
}

/**
 * How the answer to picture i changes when a companion leaves; of patches, of which any may leave,
 * how the answer to their picture does.
 *
 * @returns B arrays (C): probabilities without companion j minus those with all, so what is
 *   negative is what j had added. Its own are 0: it cannot leave itself.
 */
export function influence(network, features, i, options) {
  const members = Array.from({ length: features.length / FEATURES }, (_, n) => n);
  const complete = answer(network, features, i, options);
  return members.map((j) => {
    if (j === i && !options?.patches) return complete.map(() => 0);
    const others = members.filter((member) => member !== j);
    const without = answer(network, gather(features, others), others.indexOf(i), options);
    return without.map((share, c) => share - complete[c]);
  });
}

/**
 * Put one picture of a pool into random groups.
 *
 * @param pool features (N, D).
 * @returns answers, one (C) for each draw; mean (C); alone (C); flips, the share of draws whose
 *   most probable class is not that of the mean.
 */
export function redraw(network, pool, image, { draws = 32, size = 16, seed = 0 } = {}) {
  const random = generator(seed);
  const others = Array.from({ length: pool.length / FEATURES }, (_, n) => n);
  others.splice(image, 1);
  const answers = Array.from({ length: draws }, () => {
    const company = draw(others, Math.min(size - 1, others.length), random);
    return answer(network, gather(pool, [image, ...company]), 0);
  });
  const mean = answers[0].map((_, c) => answers.reduce((sum, each) => sum + each[c], 0) / draws);
  const top = best(mean);
  return {
    ...{ answers, mean },
    alone: answer(network, gather(pool, [image]), 0),
    flips: answers.filter((each) => best(each) !== top).length / draws,
  };
}

/** Some of a list at random, none twice. */
export function draw(list, count, random) {
  const left = [...list];
  return Array.from({ length: count }, () => left.splice(Math.floor(random() * left.length), 1)[0]);
}

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The place of the largest number. */
export function best(numbers) {
  return numbers.indexOf(Math.max(...numbers));
}
