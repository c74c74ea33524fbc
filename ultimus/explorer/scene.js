/**
 * What the page is given, unpacked: ultimus/explorer/scene.py writes it.
 *
 * Numbers come as base64 of little-endian float32 or bytes.
 */

/** Bytes of a base64 text. */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

/** Weights one after another to a { weight, bias } for each layer; parts are [name, size]. */
export function layers(numbers, parts) {
  const made = {};
  let begin = 0;
  for (const [name, size] of parts) {
    const [layer, kind] = name.split(".");
    made[layer] = { ...made[layer], [kind]: numbers.subarray(begin, begin + size) };
    begin += size;
  }
  return made;
}

/**
 * A scene.
 *
 * @returns what the text says, with pictures.pixels as N arrays (3, 32, 32), snapshots as a list
 *   of { step, epoch, network, features (N, D) }, and whole, the network of the last step with its
 *   convolutions.
 */
export function unpack(packed) {
  const { pictures, snapshots, weights } = packed;
  const pixels = bytes(pictures.pixels);
  const each = pixels.length / pictures.labels.length;
  const small = floats(snapshots.weights);
  const features = floats(snapshots.features);
  const [perStep, perPool] = [small, features].map((all) => all.length / snapshots.steps.length);
  return {
    ...packed,
    pictures: {
      ...pictures,
      pixels: pictures.labels.map((_, n) => pixels.subarray(n * each, (n + 1) * each)),
    },
    snapshots: snapshots.steps.map((step, n) => ({
      step,
      epoch: snapshots.epochs[n],
      network: layers(small.subarray(n * perStep, (n + 1) * perStep), snapshots.parts),
      features: features.subarray(n * perPool, (n + 1) * perPool),
    })),
    whole: layers(floats(weights.numbers), weights.parts),
  };
}
