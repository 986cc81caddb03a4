// A file that is no text: shown if it is an image, and to be had in any case.

import { useEffect, useState } from "preact/hooks";
import { closeFile } from "./file.js";
import { Icon, IconButton, html } from "./html.js";
import { nameOf } from "./paths.js";
import { attempt, state } from "./state.js";
import { download, isImage, readBytes, sizeOf } from "./transfer.js";

/** `file` is its record; `children` are shown above it. */
export function BinaryFile({ file, header, children }) {
  const { path, mediaType, size, hash } = file;
  const fetch = () => attempt(() => download(state.project.id, path));
  return html`<section class="editor" aria-label=${`File ${path}`}>
    <header class="row">
      ${header}
      <span class="soft status">${sizeOf(size)}</span>
      <button onClick=${fetch}><${Icon} name="download" /> Download</button>
      <${IconButton} icon="close" label="Close the file" onClick=${() => attempt(closeFile)} />
    </header>
    ${children}
    ${
      isImage(mediaType)
        ? html`<${Image} key=${hash} path=${path} mediaType=${mediaType} />`
        : html`<div class="bytes soft">
            <${Icon} name="file" />
            <p>
              <strong>${nameOf(path)}</strong><br />${kindOf(mediaType)}, ${sizeOf(size)}
            </p>
            <p>This is no text, so it is not shown here and not edited together.</p>
          </div>`
    }
  </section>`;
}

function Image({ path, mediaType }) {
  const [shown, show] = useState({ url: "", problem: "" });
  const [measure, setMeasure] = useState("");
  useEffect(() => {
    let url = "";
    let isOver = false;
    readBytes(state.project.id, path).then(
      (blob) => {
        if (isOver) return;
        url = URL.createObjectURL(blob);
        show({ url, problem: "" });
      },
      (error) => !isOver && show({ url: "", problem: error.message }),
    );
    return () => {
      isOver = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, []);
  const measured = ({ target }) =>
    setMeasure(`${target.naturalWidth} × ${target.naturalHeight} pixels`);
  const broken = () => show({ url: "", problem: `This is not a whole ${kindOf(mediaType)}.` });
  if (shown.problem) {
    return html`<div class="bytes"><p role="alert">${shown.problem}</p></div>`;
  }
  return html`<figure class="bytes">
    ${
      shown.url
        ? html`<img src=${shown.url} alt=${nameOf(path)} onLoad=${measured} onError=${broken} />`
        : html`<p class="soft" role="status">Loading…</p>`
    }
    <figcaption class="soft">${kindOf(mediaType)}${measure && `, ${measure}`}</figcaption>
  </figure>`;
}

const KINDS = {
  "application/gzip": "gzip archive",
  "application/octet-stream": "Binary file",
  "application/pdf": "PDF document",
  "application/zip": "zip archive",
};

function kindOf(mediaType) {
  if (mediaType.startsWith("image/")) return `${mediaType.slice(6).toUpperCase()} image`;
  return KINDS[mediaType] ?? mediaType;
}
