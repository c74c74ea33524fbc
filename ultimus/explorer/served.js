/**
 * A run of the app as a scene: its pictures at once, each step when it is looked at.
 *
 * Addresses are those of ultimus/ui/server/scenes.py. A step has what the page in a file has of it,
 * so whoever draws does not know the difference, but for `load`.
 */

import { floats, layers, separate } from "./scene.js";

const ASK = 0.6; // seconds between looks at a run that trains, if the server does not say otherwise
const WAIT = "x-ultimus-wait"; // how it says so (ultimus/ui/beat.py)

/** The scene at an address of scenes.py. */
export async function fetchScene(address) {
  const told = await fetchTold(address);
  const { steps, epochs } = told.snapshots;
  const scene = { ...told, pictures: separate(told.pictures), address };
  scene.snapshots = steps.map((step, n) => new Step(scene, step, epochs[n]));
  scene.companions = (step) => fetchCompanions(scene, step);
  return scene;
}

/** A step that fetches its numbers when it is asked to. */
class Step {
  constructor(scene, step, epoch) {
    Object.assign(this, { scene, step, epoch });
    this.name = step; // in addresses
  }

  get isHere() {
    return Boolean(this.network);
  }

  /** Its small weights and the features of the group; of patches all its weights. */
  load() {
    if (this.isHere) return undefined;
    this.loading ??= fetchTold(beside(this.scene, "step", this.name)).then(
      (told) => this.take(told),
      (error) => {
        this.loading = null; // may be tried again
        throw error;
      },
    );
    return this.loading;
  }

  /** All its weights, by which it sees pictures of the reader. */
  loadWhole() {
    if (this.scene.grid) return this.load(); // of patches there is nothing else
    this.loadingWhole ??= fetchTold(beside(this.scene, "network", this.name)).then(
      ({ parts, numbers }) => (this.whole = layers(floats(numbers), parts)),
    );
    return this.loadingWhole;
  }

  take({ parts, weights, features }) {
    this.network = layers(floats(weights), parts);
    if (features) this.features = floats(features);
    else this.whole = this.network;
  }
}

/**
 * Follow a run that trains: each newer weights become its live step.
 *
 * @param scene whose `live` step is set.
 * @param changed called with what has become known: a new step, or the end of the run.
 * @param isWanted tells whether anybody looks.
 * @returns a function that ends it.
 */
export function followRun(scene, changed, isWanted = () => true) {
  let stamp = "";
  let timer = null;
  let hasEnded = false;
  const ask = async () => {
    let wait = ASK;
    if (!document.hidden && !globalThis.ultimusServerGone && isWanted()) wait = await look().catch(() => ASK);
    if (!hasEnded) timer = setTimeout(ask, 1000 * wait);
  };
  const look = async () => {
    const answer = await fetchAnswer(beside(scene, "step", "live", { after: stamp }));
    const answered = performance.now();
    if (answer.status !== 204) take(await answer.json());
    return (Number(answer.headers.get(WAIT)) || ASK) - (performance.now() - answered) / 1000;
  };
  const take = (told) => {
    keepUp(scene, told);
    stamp = told.stamp ?? "";
    changed(told);
  };
  ask();
  return () => {
    hasEnded = true;
    clearTimeout(timer);
  };
}

/** Take over what a run that trains has made since. */
function keepUp(scene, told) {
  const known = scene.snapshots.length;
  told.steps.slice(known).forEach((step, n) => scene.snapshots.push(new Step(scene, step, told.epochs[known + n])));
  if (told.curves) scene.curves = told.curves;
  if (told.ended) return;
  const live = new Step(scene, told.step, told.epoch);
  live.name = "live";
  live.take(told);
  scene.live = live;
}

async function fetchCompanions(scene, { step, name = step }) {
  const told = await fetchTold(beside(scene, "companions", name));
  return { numbers: told.numbers, features: floats(told.features) };
}

function beside(scene, what, name, query = {}) {
  const address = new URL(scene.address);
  address.pathname = `${address.pathname.replace("/explorer/scene/", `/explorer/${what}/`)}/${name}`;
  Object.entries(query).forEach(([key, value]) => address.searchParams.set(key, value));
  return address.href;
}

async function fetchTold(address) {
  return (await fetchAnswer(address)).json();
}

async function fetchAnswer(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}
