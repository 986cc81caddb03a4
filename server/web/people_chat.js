// People talking to people: the tab beside the assistant's.

import { useEffect, useRef, useState } from "preact/hooks";
import { whoIsTyping } from "./assistant.js";
import { Composer } from "./composer.js";
import { openPlace } from "./file.js";
import { Ago, Avatar, Icon, html } from "./html.js";
import { placeInEditor } from "./live_editor.js";
import { Markdown } from "./markdown.js";
import { visible } from "./paths.js";
import { isMe } from "./session.js";
import { attempt, useReading } from "./state.js";
import { forgetShown, loadOlderTalk, peopleLike, readAll, say } from "./talk.js";

const OFFERED = 6;

export function PeopleChat({ app }) {
  const { project, user } = app;
  const { messages, older, unread, shown } = project.talk;
  const section = useRef(null);
  const end = useRef(null);
  const last = messages.at(-1)?.id;
  useEffect(() => {
    const message = shown && section.current.querySelector(`[id="${CSS.escape(shown)}"]`);
    if (!message) return end.current.scrollIntoView({ block: "nearest" });
    message.scrollIntoView({ block: "center" });
    message.focus();
    forgetShown();
  }, [last, shown, app.side, app.pane]);
  useEffect(() => {
    const look = () => {
      // On a phone another pane may be in front, and a tab that is closing may draw this no more.
      const isSeen = section.current?.checkVisibility({ visibilityProperty: true });
      if (unread > 0 && isSeen && !document.hidden) attempt(readAll);
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [last, unread, app.side, app.pane]);
  const [isAbout, setAbout] = useState(false);
  const send = async (text, key) => {
    await say(text, key, isAbout ? placeInEditor() : undefined);
    setAbout(false);
  };
  const offer = (word) =>
    peopleLike(word, OFFERED).map(({ name }) => ({ shown: name, inserted: `@${name}` }));
  return html`<section class="talk" aria-label="Talk" ref=${section}>
    <div class="messages scroll" role="log" aria-live="polite" tabindex="0">
      ${
        messages.length === 0 &&
        html`<div class="welcome soft">
          <p>Everybody in the project reads this, viewers too; the assistant does not.</p>
          <p>@ and a name notifies somebody.</p>
        </div>`
      }
      ${
        older !== undefined &&
        html`<button class="link older" onClick=${() => attempt(loadOlderTalk)}>Earlier messages</button>`
      }
      ${messages.map((message) => html`<${Message} key=${message.id} message=${message} />`)}
      <div ref=${end}></div>
    </div>
    <p class="typing soft" aria-live="polite">${whoIsTyping(project.typing)}</p>
    <${Composer}
      app=${app}
      names=${[user.id, project.id, "people"]}
      label="Message to the people"
      placeholder="Say something… @ names somebody"
      maxlength="4096"
      offer=${offer}
      send=${send}
    >
      <${AboutPlace} isAbout=${isAbout} setAbout=${setAbout} />
    <//>
  </section>`;
}

/** Whether the place in the editor goes along. */
function AboutPlace({ isAbout, setAbout }) {
  const place = useReading(() => {
    const there = placeInEditor();
    return there && nameOfPlace(there);
  });
  if (!place) return null;
  return html`<label class="along soft">
    <input type="checkbox" checked=${isAbout} onChange=${() => setAbout(!isAbout)} />
    About ${place}
  </label>`;
}

function Message({ message }) {
  const { user, content, createdAt, place, mentions = [] } = message;
  const kind = isMe(user) ? "own" : mentions.some(isMe) ? "names-me" : "";
  return html`<article class="message person ${kind}" id=${message.id} tabindex="-1">
    <header>
      <${Avatar} user=${user} /> ${isMe(user) ? "You" : visible(user.name)}
      <span class="soft"><${Ago} time=${createdAt} /></span>
    </header>
    <div class="text">
      <${Markdown} text=${content} />
      ${
        place &&
        html`<button class="link place" onClick=${() => attempt(() => openPlace(place))}>
          <${Icon} name="file" /> ${nameOfPlace(place)}
        </button>`
      }
    </div>
  </article>`;
}

/** Return a place in words, such as "App.jsx, line 3". */
export function nameOfPlace({ filePath, line }) {
  const name = filePath.split("/").at(-1);
  return line === undefined ? name : `${name}, line ${line + 1}`;
}
