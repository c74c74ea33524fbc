/** Pictures of (3, 32, 32) bytes and parts of them on screen, and a reader's own made into such. */

import { SIDE } from "./network.js";

const kept = new WeakMap();

/** A picture as an address, made once. */
export function address(pixels) {
  if (!kept.has(pixels)) kept.set(pixels, drawn(pixels).toDataURL());
  return kept.get(pixels);
}

function drawn(pixels) {
  const side = Math.sqrt(pixels.length / 3);
  const canvas = square(side);
  const data = new ImageData(side, side);
  for (let n = 0; n < side ** 2; n++) {
    for (let channel = 0; channel < 3; channel++) {
      data.data[4 * n + channel] = pixels[channel * side ** 2 + n];
    }
    data.data[4 * n + 3] = 255;
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

function square(side) {
  return Object.assign(document.createElement("canvas"), { width: side, height: side });
}

/** The picture in a file, as the network sees it; throws a sentence where there is none. */
export async function read(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file); // upright, as its EXIF data say
  } catch {
    throw new Error(`${file.name} is no picture that this browser can open: choose another one.`);
  }
  return shrink(bitmap, bitmap.width, bitmap.height);
}

/**
 * The middle square of a picture as (3, 32, 32) bytes.
 *
 * It is halved until the last step is small: a browser that shrinks a lot at once leaves pixels out.
 */
export function shrink(source, width, height) {
  const side = Math.min(width, height);
  let from = [source, (width - side) / 2, (height - side) / 2, side];
  for (let next = side; next > SIDE; ) {
    next = Math.max(SIDE, Math.ceil(next / 2));
    from = [scaled(from, next), 0, 0, next];
  }
  const canvas = scaled(from, SIDE);
  const { data } = canvas.getContext("2d").getImageData(0, 0, SIDE, SIDE);
  const bytes = new Uint8Array(3 * SIDE ** 2);
  for (let n = 0; n < bytes.length; n++) {
    bytes[n] = data[4 * (n % SIDE ** 2) + Math.floor(n / SIDE ** 2)];
  }
  return bytes;
}

function scaled([source, x, y, size], side) {
  const canvas = square(side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // what is transparent lies on white
  context.fillRect(0, 0, side, side);
  context.drawImage(source, x, y, size, size, 0, 0, side, side);
  return canvas;
}
