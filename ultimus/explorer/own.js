/** The reader's own picture, from a file or the camera; it never leaves the page. */

import { h } from "./dom.js";
import { read, shrink } from "./pictures.js";

/** Buttons that take a picture in; returns the element. */
export function own(view) {
  const input = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": "Your picture" });
  const problem = h("p", { class: "problem", role: "alert" });
  const stage = h("div", { class: "camera", hidden: true });
  const remove = h("button", { type: "button", hidden: true, click: () => view.removeOwn() }, "Remove my pictures");
  const take = async (files) => {
    problem.textContent = "";
    for (const file of files) {
      try {
        view.add(file.name, await read(file));
      } catch (error) {
        problem.textContent = error.message;
      }
    }
    input.value = "";
  };
  input.addEventListener("change", () => take([...input.files]));
  view.listen(() => (remove.hidden = !view.own.length));
  const box = h("div", { class: "own" },
    h("div", { class: "doors" },
      h("button", { type: "button", class: "primary", click: () => input.click() }, "Choose a picture"),
      h("button", { type: "button", click: () => film(view, stage, problem) }, "Use the camera"),
      remove),
    input, stage, problem,
    h("p", { class: "note" }, "It stays in this page: nothing is sent anywhere. The network sees its middle square, 32 × 32 pixels.")); // prettier-ignore
  box.addEventListener("dragover", (event) => event.preventDefault());
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  return box;
}

async function film(view, stage, problem) {
  problem.textContent = "";
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    problem.textContent = "There is no camera that this page may use: allow it, or choose a file.";
    return;
  }
  const video = h("video", { autoplay: true, playsinline: true, muted: true });
  video.srcObject = stream;
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    stage.replaceChildren();
    stage.hidden = true;
  };
  const shoot = () => {
    view.add(`photo ${view.own.length + 1}`, shrink(video, video.videoWidth, video.videoHeight));
    close();
  };
  stage.replaceChildren(video, h("button", { type: "button", class: "primary", click: shoot }, "Take it"), h("button", { type: "button", click: close }, "Close"));
  stage.hidden = false;
}
