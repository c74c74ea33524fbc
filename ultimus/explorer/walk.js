/**
 * One cell of one pass, number by number, as it is told on paper; ultimus/analysis/walk.py in a
 * browser.
 *
 * What the network computed is shown as it is. Each step then computes it once more from the
 * numbers of the step before, in double precision, and notes how far off that is: the rounding of
 * the network's float32 in that one step.
 */

import { FEATURES, HEAD, row } from "./network.js";

/**
 * Follow what picture i takes from picture j in a pass.
 *
 * @param network the weights.
 * @param trace what `network.trace` computed for the group, with attention as learned.
 * @param number which pass, counted from 1.
 * @returns all numbers, named as in walk.py; check has the largest difference for each that follows
 *   from others.
 */
export function walk(network, trace, number, i, j) {
  const before = number === 1 ? trace.features : trace.passes[number - 2].state; // (B, D)
  const own = trace.passes[number - 1];
  const size = before.length / FEATURES;
  const query = row(own.q, i, HEAD);
  const key = row(own.k, j, HEAD);
  const scores = row(own.scores, i, size);
  const weights = row(own.weights, i, size);
  const mixed = row(own.mixed, i, HEAD);
  const products = Float64Array.from(query, (value, h) => value * key[h]);
  const largest = Math.max(...scores);
  const exponentials = Float64Array.from(scores, (score) => Math.exp(score - largest));
  const told = {
    ...{ before, query, key, products, scores, largest, exponentials, weights, mixed },
    keys: own.k,
    values: own.v,
    total: sum(products),
    score: scores[j],
    normalizer: sum(exponentials),
    contributions: Float64Array.from(own.v, (value, n) => value * weights[Math.floor(n / HEAD)]),
    bias: network.out.bias,
    residual: row(own.residual, i, FEATURES),
    after: row(own.state, i, FEATURES),
  };
  return { ...told, check: check(network, told, i) };
}

/** How far each of the network's numbers is from the one that the steps lead to. */
function check(network, told, i) {
  const { before, keys, query, scores, exponentials, normalizer, contributions, residual } = told;
  const entering = row(before, i, FEATURES);
  const steps = {
    query: [query, exactly(network.q, entering)],
    keys: [keys, exactly(network.k, before)],
    values: [told.values, exactly(network.v, before)],
    score: [[told.score], [told.total / Math.sqrt(HEAD)]],
    scores: [scores, exactly({ weight: keys, bias: scores.map(() => 0) }, query, Math.sqrt(HEAD))],
    weights: [told.weights, exponentials.map((power) => power / normalizer)],
    mixed: [told.mixed, Float64Array.from(told.mixed, (_, h) => sum(contributions.filter((_, n) => n % HEAD === h)))],
    residual: [residual, exactly(network.out, told.mixed)],
    after: [told.after, Float64Array.from(residual, (value, d) => entering[d] + value)],
  };
  const gaps = Object.entries(steps).map(([name, [live, ours]]) => [name, gap(live, ours)]);
  return Object.fromEntries(gaps);
}

/** `network.linear` that keeps its double precision, divided by a number. */
function exactly({ weight, bias }, x, divisor = 1) {
  const inputs = weight.length / bias.length;
  const y = new Float64Array((x.length / inputs) * bias.length);
  return y.map((_, n) => {
    const [from, to] = [Math.floor(n / bias.length) * inputs, (n % bias.length) * inputs];
    let total = bias[n % bias.length];
    for (let place = 0; place < inputs; place++) total += x[from + place] * weight[to + place];
    return total / divisor;
  });
}

function gap(live, ours) {
  return live.reduce((most, value, n) => Math.max(most, Math.abs(value - ours[n])), 0);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
