// Lists that are too long for one answer, put together. `call` is that of `AICodingAssistantSocket`.

// Where the items are in the answer to each of these events.
const LISTS = {
  "bin:list": "deletions",
  "file:list": "files",
  "file:locks": "locks",
  "history:list": "saves",
  "notification:list": "notifications",
  "project:list": "projects",
  "user:list": "presence",
  "version:list": "versions",
};
// How the lists go on that joining a project begins: the event, and where it is said.
const FURTHER = [
  ["file:list", "nextFile"],
  ["file:locks", "nextLock"],
  ["user:list", "nextPresence"],
];

/** List all items, or those after the `next` of a page. */
export async function listAll(call, event, payload, after) {
  const found = [];
  do {
    const page = await call(event, { ...payload, after });
    found.push(...page[LISTS[event]]);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** Add to what joining a project told whatever did not fit into it. */
export async function addFurtherPages(call, projectId, joined) {
  for (const [event, next] of FURTHER) {
    if (joined[next] === undefined) continue;
    joined[LISTS[event]].push(...(await listAll(call, event, { projectId }, joined[next])));
    delete joined[next];
  }
}

/** Search in all files of a project: `[{filePath, hits}]`. */
export async function search(call, payload) {
  const found = new Map();
  let after;
  do {
    const page = await call("project:search", { ...payload, after });
    for (const { filePath, hits } of page.files) {
      found.set(filePath, [...(found.get(filePath) ?? []), ...hits]);
    }
    after = page.next;
  } while (after !== undefined);
  return Array.from(found, ([filePath, hits]) => ({ filePath, hits }));
}
