// The page: what is shown when, and the frame around it. Reading order: state, session, wire,
// project, file, chat, route; then the views.

import { render } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { Assistant } from "./assistant.js";
import { sweep } from "./drafts.js";
import { Editor } from "./editor.js";
import { stopEditing } from "./file.js";
import { FileTree } from "./file_tree.js";
import { FollowBanner } from "./following.js";
import { History } from "./history.js";
import { Avatar, Icon, IconButton, html } from "./html.js";
import { Notifications, Toasts } from "./notifications.js";
import { People } from "./people.js";
import { PeopleChat } from "./people_chat.js";
import { QuickOpen } from "./quick_open.js";
import { ProjectList, ProjectSettings } from "./project_list.js";
import { leaveProject, writeAddress } from "./route.js";
import { SearchView } from "./search_view.js";
import { resume, signOut } from "./session.js";
import { SignIn } from "./sign_in.js";
import { attempt, state, update, useApp } from "./state.js";
import { TabBar } from "./tab_bar.js";
import { UploadPanel } from "./upload_panel.js";
import { Versions } from "./versions.js";
import { WireDrawer } from "./wire_drawer.js";

const THEME = "theme";

function App() {
  const app = useApp();
  useEffect(() => {
    if (app.user && app.connection === "online") writeAddress();
    document.title = [
      app.open?.path.split("/").at(-1),
      app.project?.info.name,
      "AI Coding Assistant",
    ]
      .filter(Boolean)
      .join(" · ");
  });
  return html`${app.user ? html`<${Frame} app=${app} />` : html`<${SignIn} app=${app} />`}
    ${
      !app.user &&
      html`<footer class="outside">
        <a href="/docs">All events</a>
        <${WireButton} app=${app} />
        <${ThemeButton} />
      </footer>`
    }
    ${app.wireOpen && html`<${WireDrawer} app=${app} />`}
    <${Toasts} app=${app} />`;
}

function Frame({ app }) {
  return html`<div class="frame">
    <${TopBar} app=${app} />
    ${app.project ? html`<${Workspace} app=${app} />` : html`<${ProjectList} app=${app} />`}
    ${
      app.history &&
      app.project &&
      html`<${History} path=${app.history} close=${() => update({ history: null })} />`
    }
    ${
      app.uploads &&
      html`<${UploadPanel} uploads=${app.uploads} isOnline=${app.connection === "online"} />`
    }
  </div>`;
}

/** Sign out, once the last words are with the server and a lock is given back. */
async function leave() {
  await stopEditing();
  await signOut();
}

function TopBar({ app }) {
  const { project, connection, transport } = app;
  const others = project ? [...project.people.values()].slice(0, 6) : [];
  return html`<header class="top">
    <button class="link brand" onClick=${() => attempt(leaveProject)} aria-label="All projects">
      <${Icon} name="wire" />
    </button>
    ${
      project &&
      html`<button class="link title" title="Settings and members" onClick=${() => update({ dialog: "settings" })}>
        ${project.info.name}
      </button>`
    }
    <span class="connection ${connection}" role="status">
      <span class="dot"></span>
      <span class="words">${connection === "online" ? transport : connection}</span>
    </span>
    <span class="end avatars">
      ${others.map(({ user, status }) => html`<${Avatar} user=${user} status=${status} />`)}
    </span>
    <${Notifications} app=${app} />
    <${WireButton} app=${app} />
    <${ThemeButton} />
    <${IconButton} icon="out" label=${`Sign out ${app.user.name}`} onClick=${leave} />
    ${
      app.dialog === "settings" &&
      project &&
      html`<${ProjectSettings} project=${project} close=${() => update({ dialog: "" })} />`
    }
  </header>`;
}

function WireButton({ app }) {
  return html`<button
    class="quiet"
    title="Every packet as it passes (Ctrl+\`)"
    aria-pressed=${app.wireOpen}
    onClick=${() => update({ wireOpen: !app.wireOpen })}
  >
    <${Icon} name="code" /> Wire
  </button>`;
}

function ThemeButton() {
  const toggle = () => {
    const { dataset } = document.documentElement;
    const dark = dataset.theme
      ? dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    dataset.theme = dark ? "light" : "dark";
    localStorage.setItem(THEME, dataset.theme);
  };
  return html`<${IconButton} icon="moon" label="Light or dark" onClick=${toggle} />`;
}

const PANES = {
  files: "folder",
  editor: "code",
  assistant: "chat",
  people: "people",
  versions: "history",
};
const SIDES = { assistant: "Assistant", people: "People", versions: "Versions" };
const VIEWS = { assistant: Assistant, people: PeopleChat, versions: Versions };
const MOST_COUNTED = 99;

/** Return the name of a tab or pane, with how much is unread in it. */
function named(name, count) {
  return count > 0 ? `${name}, ${count > MOST_COUNTED ? `${MOST_COUNTED}+` : count} unread` : name;
}

/** How much was said that one has not seen. */
function Unread({ count }) {
  if (count === 0) return null;
  return html`<span class="unread-count" aria-hidden="true">
    ${count > MOST_COUNTED ? `${MOST_COUNTED}+` : count}
  </span>`;
}

function Workspace({ app }) {
  const show = (pane) => update(pane in SIDES ? { pane, side: pane } : { pane });
  const { files, closed, locks, places, role } = app.project;
  const unread = { people: app.project.talk.unread };
  // A key in the editor draws no tree.
  const tree = useMemo(
    () => html`<${FileTree} app=${app} />`,
    [files, closed, locks, places, role, app.open?.path, app.dialog === "bin"],
  );
  return html`<div class="workspace" data-pane=${app.pane}>
    <aside class="left">
      ${app.isSearching ? html`<${SearchView} app=${app} />` : html`${tree}<${People} app=${app} />`}
    </aside>
    <main>
      <${TabBar} app=${app} />
      <${FollowBanner} app=${app} />
      <${Editor} app=${app} />
    </main>
    <aside class="right">
      <div class="tabs" role="tablist">
        ${Object.entries(SIDES).map(
          ([side, name]) =>
            html`<button
              role="tab"
              aria-selected=${app.side === side}
              aria-label=${named(name, unread[side])}
              onClick=${() => show(side)}
            >
              ${name}
              <${Unread} count=${unread[side] ?? 0} />
            </button>`,
        )}
      </div>
      <${VIEWS[app.side]} app=${app} />
    </aside>
    ${app.isQuickOpen && html`<${QuickOpen} app=${app} />`}
    <nav class="panes" aria-label="Panes">
      ${Object.entries(PANES).map(
        ([pane, icon]) =>
          html`<button
            aria-pressed=${app.pane === pane}
            aria-label=${named(pane, unread[pane])}
            onClick=${() => show(pane)}
          >
            <${Icon} name=${icon} />${pane}
            <${Unread} count=${unread[pane] ?? 0} />
          </button>`,
      )}
    </nav>
  </div>`;
}

const chosenTheme = localStorage.getItem(THEME);
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;
render(html`<${App} />`, document.getElementById("page"));
resume();
sweep();

addEventListener("keydown", (event) => {
  if (event.key === "`" && event.ctrlKey) update({ wireOpen: !state.wireOpen });
});
