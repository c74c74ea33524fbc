/**
 * What the page is given, unpacked: ultimus/explorer/scene.py writes it.
 *
 * Numbers come as base64 of little-endian float32 or bytes.
 */

/** Bytes of a base64 text. */
export function bytes(text) {
  const letters = atob(text);
  const numbers = new Uint8Array(letters.length);
  for (let n = 0; n < numbers.length; n++) numbers[n] = letters.charCodeAt(n);
  return numbers;
}

/** Floats from one place of a base64 text to another, by default all. */
export function floats(text, begin = 0, end = count(text)) {
  const from = Math.floor((4 * begin) / 3); // each four letters are three bytes
  const letters = text.slice(4 * from, 4 * Math.ceil((4 * end) / 3));
  const offset = 4 * begin - 3 * from;
  return new Float32Array(bytes(letters).slice(offset, offset + 4 * (end - begin)).buffer);
}

/** How many floats a base64 text holds. */
function count(text) {
  const padding = text.length - text.replace(/=+$/, "").length;
  return ((3 * text.length) / 4 - padding) / 4;
}

/** Weights one after another to a { weight, bias } for each layer; parts are [name, size]. */
export function layers(numbers, parts) {
  const named = {};
  let begin = 0;
  for (const [name, size] of parts) {
    const [layer, kind] = name.split(".");
    named[layer] = { ...named[layer], [kind]: numbers.subarray(begin, begin + size) };
    begin += size;
  }
  return named;
}

/**
 * A scene.
 *
 * @returns what the text says, with pictures.pixels as N arrays (3, 32, 32), and snapshots as a list
 *   of { step, epoch, network, features (N, D) }; the last one has `whole` besides, the network with
 *   its convolutions.
 */
export function unpack(packed) {
  const { pictures, snapshots, weights } = packed;
  const unpacked = snapshots.steps.map((_, n) => new Snapshot(snapshots, n));
  unpacked.at(-1).whole = layers(floats(weights.numbers), weights.parts);
  return { ...packed, pictures: separate(pictures), snapshots: unpacked };
}

/** Pictures with an array (3, 32, 32) for each. */
export function separate(pictures) {
  const pixels = bytes(pictures.pixels);
  const size = pixels.length / pictures.labels.length;
  return { ...pictures, pixels: pictures.labels.map((_, n) => pixels.subarray(n * size, (n + 1) * size)) };
}

/** A step, whose numbers are unpacked when they are asked for. */
class Snapshot {
  constructor(packed, n) {
    this.step = packed.steps[n];
    this.epoch = packed.epochs[n];
    this.packed = packed;
    this.n = n;
  }

  get network() {
    this.layers ??= layers(this.take(this.packed.weights), this.packed.parts);
    return this.layers;
  }

  get features() {
    this.rows ??= this.take(this.packed.features);
    return this.rows;
  }

  take(text) {
    const each = count(text) / this.packed.steps.length;
    return floats(text, this.n * each, (this.n + 1) * each);
  }
}
