// How far the files are that are being uploaded, and the question what to do where something is there.

import { useState } from "preact/hooks";
import { Dialog, Icon, IconButton, html } from "./html.js";
import { sizeOf } from "./transfer.js";
import { again, cancel, forgetUploads } from "./uploads.js";

// Of thousands, those are shown that one may want to see.
const MOST_SHOWN = 50;
const WORDS = {
  waiting: "waits",
  sending: "",
  done: "is there",
  skipped: "skipped",
  failed: "",
  cancelled: "cancelled",
};

export function UploadPanel({ uploads, isOnline }) {
  const { items, leftOut, question, isOver } = uploads;
  const of = (status) => items.filter((one) => one.status === status);
  const total = items.reduce((sum, { file }) => sum + file.size, 0);
  const isSettled = (status) => !["waiting", "sending"].includes(status);
  const sent = items.reduce((sum, one) => sum + (isSettled(one.status) ? one.file.size : one.sent), 0);
  const done = of("done").length;
  const failed = of("failed");
  // An empty file is something as well.
  const settled = items.filter(({ status }) => isSettled(status)).length;
  const shown = [...of("sending"), ...failed, ...of("waiting"), ...of("cancelled")];
  return html`<section class="uploads" aria-label="Uploads">
    <header class="row">
      <h2>${isOver ? "Uploaded" : "Uploading"}</h2>
      <span class="soft status" role="status">
        ${done} of ${items.length === 1 ? "1 file" : `${items.length} files`}, ${sizeOf(total)} in all
      </span>
      ${
        isOver
          ? html`<${IconButton}
              icon="close"
              label="Close the list of uploads"
              onClick=${forgetUploads}
            />`
          : html`<button onClick=${() => cancel()}>Cancel all</button>`
      }
    </header>
    ${
      !isOver &&
      html`<progress
        aria-label="All files"
        max=${total + items.length}
        value=${sent + settled}
      ></progress>`
    }
    ${!isOver && !isOnline && html`<p class="soft">Offline: it goes on by itself.</p>`}
    <ul class="plain">
      ${shown.slice(0, MOST_SHOWN).map((item) => html`<${Item} key=${item.id} item=${item} />`)}
      ${
        shown.length > MOST_SHOWN &&
        html`<li class="soft">and ${(shown.length - MOST_SHOWN).toLocaleString("en")} more</li>`
      }
      ${leftOut.slice(0, MOST_SHOWN).map(
        (path) =>
          html`<li class="soft" key=${path}>${path}: left out, a program keeps it for itself</li>`,
      )}
    </ul>
    ${
      isOver &&
      failed.length > 0 &&
      html`<p class="row">
        <button onClick=${again}>Try those again that failed</button>
      </p>`
    }
    ${question && html`<${Taken} key=${question.item.id} question=${question} />`}
  </section>`;
}

function Item({ item }) {
  const { path, file, sent, status, problem } = item;
  const isOpen = ["waiting", "sending"].includes(status);
  return html`<li class="upload ${status}">
    <${Icon} name="file" />
    <span class="what">
      <span class="name" title=${path}>${path}</span>
      <span class="soft">${problem || WORDS[status] || sizeOf(file.size)}</span>
    </span>
    ${
      status === "sending" &&
      html`<progress aria-label=${path} max=${Math.max(1, file.size)} value=${sent}></progress>`
    }
    ${
      isOpen &&
      html`<${IconButton} icon="close" label=${`Cancel ${path}`} onClick=${() => cancel(item)} />`
    }
  </li>`;
}

/** Something is where a file is to be. */
function Taken({ question: { item, more, answer } }) {
  const [isForAll, setForAll] = useState(false);
  const choose = (choice) => answer(choice, isForAll);
  return html`<${Dialog} title="There is something already" close=${() => choose("skip")}>
    <p>
      <code>${item.path}</code> is there already. What is replaced stays in the history of the file.
    </p>
    ${
      more > 0 &&
      html`<label class="check">
        <input
          type="checkbox"
          checked=${isForAll}
          onChange=${(event) => setForAll(event.target.checked)}
        />
        Do the same for ${more} more
      </label>`
    }
    <p class="row">
      <button class="primary" onClick=${() => choose("replace")}>Replace</button>
      <button onClick=${() => choose("both")}>Keep both</button>
      <button onClick=${() => choose("skip")}>Skip</button>
    </p>
  <//>`;
}
