// Deciding on what the assistant proposes. `call` is that of `AICodingAssistantSocket`.

/** Do what an action of a response proposes, and say so. Return the acknowledgement of the change. */
export async function acceptAction(call, projectId, response, action) {
  const file = {
    path: action.path,
    action: action.type === "create-file" ? "created" : "updated",
    content: action.content,
    baseRevision: action.baseRevision ?? 0,
  };
  const done = await call("file:change", { projectId, file });
  await decide(call, projectId, response, action, "accepted");
  return done;
}

/** Say that what an action of a response proposes is not wanted. */
export async function rejectAction(call, projectId, response, action) {
  await decide(call, projectId, response, action, "rejected");
}

async function decide(call, projectId, { requestId }, { id: actionId }, outcome) {
  await call("ai:applied", { projectId, requestId, actionId, outcome });
}
