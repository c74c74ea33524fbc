/**
 * The whole network in one file, as ultimus/model.py writes it, for a browser.
 *
 * Sums are added in double precision and stored as float32 after each layer, which is nearer to
 * the exact values than float32 sums are. Matrices are flat Float32Arrays, row after row.
 *
 * Shape letters: B images in a group, D = 48 features, H = 8 head width, P passes, C classes,
 * S = 32 pixels. `network` holds a { weight, bias } for each layer: conv1, conv2, conv3, q, k, v,
 * out and cap, laid out as torch lays them out.
 */

export const FEATURES = 48;
export const HEAD = 8;
export const PASSES = 4;
export const SIDE = 32;

const EDGE = SIDE + 2; // a map with a border of one pixel

// Pictures to features ----------------------------------------------------------------------------

/** Pixels of one picture (3, S, S), 0 to 255, to the network's input, -1 to 1. */
export function preprocess(pixels) {
  return Float32Array.from(pixels, (value) => Math.fround(value / 127.5) - 1);
}

/** One picture's maps after the first and second convolution, and its D features. */
export function maps(network, pixels) {
  const first = convolve(network.conv1, preprocess(pixels)); // (16, S, S)
  const second = convolve(network.conv2, first); // (32, S, S)
  return { first, second, features: convolveAndAverage(network.conv3, second) };
}

/** Features (B, D) of B pictures (3, S, S). */
export function features(network, pictures) {
  const rows = new Float32Array(pictures.length * FEATURES);
  pictures.forEach((pixels, i) => rows.set(maps(network, pixels).features, i * FEATURES));
  return rows;
}

/** A 3 x 3 convolution with a border of zeros, then ReLU: (I, S, S) to (O, S, S). */
export function convolve({ weight, bias }, x) {
  const inputs = x.length / SIDE ** 2;
  const bordered = withBorder(x, inputs);
  const output = new Float32Array(bias.length * SIDE ** 2);
  for (let o = 0; o < bias.length; o++) {
    const sums = new Float64Array(SIDE ** 2).fill(bias[o]);
    for (let i = 0; i < inputs; i++) {
      const tap = (o * inputs + i) * 9;
      addTaps(sums, bordered.subarray(i * EDGE ** 2, (i + 1) * EDGE ** 2), weight.subarray(tap));
    }
    output.set(sums.map((value) => Math.max(value, 0)), o * SIDE ** 2);
  }
  return output;
}

function withBorder(x, count) {
  const bordered = new Float64Array(count * EDGE ** 2);
  for (let map = 0; map < count; map++) {
    for (let y = 0; y < SIDE; y++) {
      const row = (map * SIDE + y) * SIDE;
      bordered.set(x.subarray(row, row + SIDE), (map * EDGE + y + 1) * EDGE + 1);
    }
  }
  return bordered;
}

/** Slide nine weights over one bordered map; written out, since this is where the time goes. */
function addTaps(sums, map, [a, b, c, d, e, f, g, h, i]) {
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const top = y * EDGE + x;
      const middle = top + EDGE;
      const bottom = middle + EDGE;
      sums[y * SIDE + x] +=
        a * map[top] + b * map[top + 1] + c * map[top + 2] +
        d * map[middle] + e * map[middle + 1] + f * map[middle + 2] +
        g * map[bottom] + h * map[bottom + 1] + i * map[bottom + 2];
    }
  }
}

/** Features (T, D) of one picture's patches, in a grid of so many a side, row by row. */
export function patchFeatures(network, pixels, grid) {
  const second = convolve(network.conv2, convolve(network.conv1, preprocess(pixels)));
  return convolveAndAverage(network.conv3, second, grid);
}

/**
 * A 3 x 3 convolution followed by the average over each patch, (I, S, S) to (T, D), without the
 * convolution: both are linear, so each tap's weight meets the average of all that it sees. With a
 * grid of 1 the patch is the whole map.
 */
export function convolveAndAverage(layer, x, grid = 1) {
  const inputs = x.length / SIDE ** 2;
  const sides = reach(grid);
  const seen = new Float64Array(grid ** 2 * inputs * 9); // (T, I, 3, 3)
  for (let i = 0; i < inputs; i++) {
    const map = x.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2);
    sides.forEach((rows, r) => {
      const line = averageRows(map, rows);
      sides.forEach((columns, c) => {
        const patch = Math.floor(r / 3) * grid + Math.floor(c / 3);
        seen[(patch * inputs + i) * 9 + (r % 3) * 3 + (c % 3)] = average(line, columns);
      });
    });
  }
  return linear(layer, seen);
}

/** What the three taps of a kernel's side see of a line, by patch: from, to, and of how many. */
function reach(grid) {
  const reaches = [];
  for (let patch = 0; patch < grid; patch++) {
    const begin = Math.floor((patch * SIDE) / grid);
    const end = Math.ceil(((patch + 1) * SIDE) / grid);
    for (const move of [-1, 0, 1]) {
      reaches.push([Math.max(begin + move, 0), Math.min(end + move, SIDE), end - begin]);
    }
  }
  return reaches;
}

function averageRows(map, [from, to, size]) {
  const line = new Float64Array(SIDE);
  for (let y = from; y < to; y++) {
    for (let x = 0; x < SIDE; x++) line[x] += map[y * SIDE + x] / size;
  }
  return line;
}

function average(line, [from, to, size]) {
  let sum = 0;
  for (let x = from; x < to; x++) sum += line[x];
  return sum / size;
}

// Features to answers -----------------------------------------------------------------------------

/**
 * Attention as learned, and what may stand in its place, named as in ultimus/analysis/ablation.py:
 * how products become scores, how scores (B, B) become weights, and whether a pass replaces the
 * features instead of being added to them.
 */
export const CHANGES = {
  learned: { score: scaled, attend: softmaxRows },
  uniform: { score: scaled, attend: (scores, size) => scores.map(() => 1 / size) },
  identity: { score: scaled, attend: (scores, size) => scores.map((_, n) => +(n % (size + 1) === 0)) },
  unscaled: { score: (products) => products, attend: softmaxRows },
  none: { score: scaled, attend: (scores) => scores.map(() => 0) },
  "no-residual": { score: scaled, attend: softmaxRows, replaces: true },
};

/**
 * Everything that the network computes for a group.
 *
 * @param network its weights.
 * @param x features (B, D).
 * @param options.change a name of CHANGES.
 * @param options.passes P, how often the block is applied.
 * @param options.patches whether the group is the patches of one picture, whose mean is classified.
 * @returns features (B, D); passes, each with q, k, v (B, H), products, scores, weights (B, B),
 *   mixed (B, H), residual and state (B, D); logits, P + 1 matrices (B, C), of patches (C).
 */
export function trace(network, x, { change = "learned", passes = PASSES, patches = false } = {}) {
  const applied = [];
  let state = x;
  for (let number = 0; number < passes; number++) {
    applied.push(applyBlock(network, state, CHANGES[change]));
    state = applied[number].state;
  }
  const states = [x, ...applied.map((pass) => pass.state)];
  const classified = patches ? states.map(meanRow) : states;
  return { features: x, passes: applied, logits: classified.map((each) => linear(network.cap, each)) };
}

/** The mean of all rows (B, D): (D). */
function meanRow(x) {
  const sums = new Float64Array(FEATURES);
  for (let n = 0; n < x.length; n++) sums[n % FEATURES] += x[n];
  return sums.map((sum) => sum / (x.length / FEATURES));
}

/** One pass of features (B, D) through the attention block. */
function applyBlock(network, x, { score, attend, replaces = false }) {
  const size = x.length / FEATURES;
  const [q, k, v] = [network.q, network.k, network.v].map((layer) => linear(layer, x)); // (B, H)
  const products = productsOf(q, k, size); // (B, B)
  const scores = score(products); // (B, B)
  const weights = Float32Array.from(attend(scores, size)); // (B, B)
  const mixed = mix(weights, v, size); // (B, H)
  const residual = linear(network.out, mixed); // (B, D)
  const state = replaces ? residual : residual.map((value, n) => x[n] + value);
  return {
    ...{ q, k, v, weights, mixed, residual, state },
    products: Float32Array.from(products),
    scores: Float32Array.from(scores),
  };
}

/** Rows (N, I) through a layer of weights (O, I): (N, O). */
export function linear({ weight, bias }, x) {
  const outputs = bias.length;
  const inputs = weight.length / outputs;
  const rows = x.length / inputs;
  const y = new Float32Array(rows * outputs);
  for (let n = 0; n < rows; n++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o];
      for (let i = 0; i < inputs; i++) sum += x[n * inputs + i] * weight[o * inputs + i];
      y[n * outputs + o] = sum;
    }
  }
  return y;
}

/** Each query with each key, q kᵀ: (B, B), in double precision. */
function productsOf(q, k, size) {
  const products = new Float64Array(size ** 2);
  for (let n = 0; n < products.length; n++) {
    const [i, j] = [Math.floor(n / size) * HEAD, (n % size) * HEAD];
    for (let h = 0; h < HEAD; h++) products[n] += q[i + h] * k[j + h];
  }
  return products;
}

function scaled(products) {
  return products.map((product) => product / Math.sqrt(HEAD));
}

function softmaxRows(scores, size) {
  const weights = new Float64Array(scores.length);
  for (let begin = 0; begin < scores.length; begin += size) {
    weights.set(softmax(scores.subarray(begin, begin + size)), begin);
  }
  return weights;
}

/** Numbers to shares that add up to one, in double precision. */
export function softmax(numbers) {
  const largest = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(numbers, (number) => Math.exp(number - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The values averaged with the weights, weights @ v: (B, H). */
function mix(weights, v, size) {
  const mixed = new Float32Array(size * HEAD);
  for (let i = 0; i < size; i++) {
    for (let h = 0; h < HEAD; h++) {
      let sum = 0;
      for (let j = 0; j < size; j++) sum += weights[i * size + j] * v[j * HEAD + h];
      mixed[i * HEAD + h] = sum;
    }
  }
  return mixed;
}

/** Row i of a matrix with so many columns. */
export function row(matrix, i, columns) {
  return matrix.subarray(i * columns, (i + 1) * columns);
}

/** How evenly shares are spread, -Σ w ln w: 0 to ln B. */
export function entropy(shares) {
  return shares.reduce((sum, share) => (share > 0 ? sum - share * Math.log(share) : sum), 0);
}
