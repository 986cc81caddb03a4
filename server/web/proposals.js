// What the assistant proposes to do with files, and what becomes of it: the state behind review.js.
//
// A proposal is known by its request and its path. `{requestId, path, question, action, coming}`:
// `action` is the server's, `coming` the text of it that is written until now, or undefined.

import { isolateHistory } from "@codemirror/commands";
import { ChangeSet, Text } from "@codemirror/state";
import { openFile } from "./file.js";
import { createWith, editBeside } from "./file_actions.js";
import { liveEditorOf } from "./live_editor.js";
import { difference, merged, textOf } from "./merging.js";
import { change, onProject } from "./project.js";
import { ask, endure, insist, isFailure, onArrival, onSignedOut } from "./session.js";
import { attempt, state, toast, update } from "./state.js";

const LONGEST_NAME = 60;

/** Return all proposals of a request, in their order. */
export function proposalsOf(requestId) {
  const { project } = state;
  const answer = project?.answers[requestId];
  const message = project?.messages.find(
    (one) => one.requestId === requestId && one.role === "assistant",
  );
  const question = project?.messages.find((one) => one.requestId === requestId)?.content ?? "";
  const actions = message?.response.actions ?? answer?.actions ?? [];
  const found = actions.map((action) => ({ requestId, path: action.path, question, action }));
  for (const [path, coming] of Object.entries(answer?.coming ?? {})) {
    const going = found.find((one) => one.path === path && !one.action.decision);
    if (going) going.coming = coming;
    else found.push({ requestId, path, question, coming });
  }
  return found;
}

/** Return those that are written to their end and that nobody has decided on. */
export function openProposals(requestId) {
  return proposalsOf(requestId).filter(
    ({ action, coming }) => action && !action.decision && coming === undefined,
  );
}

/** Return the proposal of a request for a path that nobody has decided on, or else the last one. */
export function proposalFor(requestId, path) {
  const found = proposalsOf(requestId).filter((one) => one.path === path);
  return found.find((one) => !one.action?.decision) ?? found.at(-1);
}

/** Return the text that a proposal makes of the present one, which is null if there is no such file. */
export function proposedText({ action }, present) {
  const content = textOf(action.content);
  if (present === null || !action.inverse) return content;
  return merged(baseOf(action), content, present);
}

/** Return the text that an action was made from. */
function baseOf(action) {
  return ChangeSet.fromJSON(action.inverse).apply(textOf(action.content));
}

/** Show a proposal beside the text that it is for. */
export async function openReview(requestId, path) {
  if (state.project.files.has(path)) await openFile(path);
  else if (state.open) update({ open: null });
  update({ review: { requestId, path }, pane: "editor" });
}

export function closeReview() {
  update({ review: null });
}

// -- consent

// The versions that were made before the changes of an answer, by its request.
const versions = new Map();

/** Before the first of several files is changed: keep them all as they are. */
export async function keepBefore(requestId) {
  const proposals = proposalsOf(requestId);
  const paths = new Set(proposals.map(({ path }) => path));
  const isTaken = proposals.some(({ action }) => (action?.decision?.outcome ?? "rejected") !== "rejected");
  if (paths.size < 2 || (isTaken && !versions.has(requestId))) return;
  if (!versions.has(requestId)) {
    if (state.connection !== "online") {
      throw new Error("Offline: several files are changed only once a version of before is kept");
    }
    const message = proposals[0].question;
    const name = message.split("\n")[0].slice(0, LONGEST_NAME).trim();
    const made = insist(() =>
      ask("version:create", {
        projectId: state.project.id,
        name: printable(`Before “${name}”`),
        message: "Made by itself before the assistant's changes of several files",
      }),
    );
    versions.set(requestId, made);
    made.catch(() => versions.delete(requestId));
  }
  await versions.get(requestId);
}

function printable(text) {
  return text.replace(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu, " ");
}

/** Put a whole proposal into its file. */
export async function accept({ requestId, path }) {
  const { id: projectId } = state.project;
  await keepBefore(requestId);
  const proposal = proposalFor(requestId, path);
  // There is none in another project, where one may be by now.
  const action = proposal?.action;
  if (!action || action.decision) return;
  if (!state.project.files.has(path)) {
    await createWith(path, action.content);
  } else {
    const view = liveEditorOf(path);
    if (view?.state.readOnly) throw new Error(`${path} cannot be changed at the moment`);
    const whole = (text) => difference(text, proposedText(proposal, text));
    if (view) putIn(view, whole(view.state.doc));
    else await editBeside(path, whole);
  }
  await decide(requestId, action, "accepted", projectId);
}

/** Change the text in the editor, so that undo takes back just that. */
export function putIn(view, changes) {
  view.dispatch({ changes, annotations: isolateHistory.of("full"), userEvent: "input.accept" });
}

/** Accept all files of an answer. */
export async function acceptAll(requestId) {
  for (const one of openProposals(requestId)) await accept(one);
}

/** Decline a proposal. */
export async function reject({ requestId, action }) {
  await decide(requestId, action, "rejected");
}

// Those that the server has not taken yet: the connection was lost.
const untold = new Map();

/** Say what became of a proposal: "accepted", "rejected" or "partly". */
export async function decide(requestId, { id: actionId }, outcome, projectId = state.project.id) {
  const isHere = state.project?.id === projectId;
  if (isHere) heardDecision({ requestId, actionId, outcome, user: state.user });
  const decision = { projectId, requestId, actionId, outcome };
  untold.set(`${requestId} ${actionId}`, decision);
  if (state.connection === "online") await tell(decision);
}

async function tell(decision) {
  const key = `${decision.requestId} ${decision.actionId}`;
  try {
    await endure(() => insist(() => ask("ai:applied", decision)));
    untold.delete(key);
  } catch (error) {
    // Whoever was first has decided; what was not answered, or not kept, is told again.
    if (!error.code || isFailure(error)) return;
    untold.delete(key);
    if (error.code === "VERSION_CONFLICT") toast(error.message);
    else throw error;
  }
}

onArrival(() => {
  for (const decision of untold.values()) attempt(() => tell(decision));
});
// Whoever signs in next has decided nothing.
onSignedOut(() => {
  untold.clear();
  versions.clear();
});

function heardDecision({ requestId, actionId, outcome, user }) {
  const { messages, answers } = state.project;
  const decided = (actions) =>
    actions?.map((one) => (one.id === actionId ? { ...one, decision: { outcome, user } } : one));
  change({
    messages: messages.map((one) =>
      one.requestId === requestId && one.response
        ? { ...one, response: { ...one.response, actions: decided(one.response.actions) } }
        : one,
    ),
  });
  if (answers[requestId]) {
    const answer = { ...answers[requestId], actions: decided(answers[requestId].actions) };
    change({ answers: { ...answers, [requestId]: answer } });
  }
}

onProject("ai:applied", heardDecision);

/** The text of a file that is not there. */
export const NO_TEXT = Text.empty;
