// What the types of the JavaScript SDK allow and refuse; read by the compiler, never run.

import { AICodingAssistantSocket, Refused } from "@ai-coding-assistant/sdk";
import type { AiResponse, User } from "@ai-coding-assistant/sdk";

const socket = new AICodingAssistantSocket({
  baseURL: "http://localhost:3001",
  reconnection: true,
});
const user: User | null = await socket.connect();

socket.on("project:updated", (data, event) => {
  const name: string = data.project.name;
  const source: "client" | "server" = event.metadata.source;
  // @ts-expect-error: a project has no such thing
  data.project.colour;
  return [name, source];
});
// @ts-expect-error: nobody sends this event
socket.on("project:painted", () => {});
socket.on("reconnect", (attempt) => attempt.toFixed());

const { projects } = await socket.call("project:list");
const members: User[] = projects.flatMap((project) => project.members.map((one) => one.user));
const paths: string[] = (await socket.listAll("file:list", { projectId: "p" })).map((f) => f.path);
// @ts-expect-error: this is no list
await socket.listAll("file:read");
const lines: number[] = (await socket.search("p", "a|b", { isRegex: true })).map(
  ({ hits }) => hits[0].start.line,
);
// @ts-expect-error: a glob is a string
await socket.search("p", "a", { include: [1] });
const text: string = (await socket.readFile("p", "a.txt", { versionId: "v" })).content;
// @ts-expect-error: which project?
await socket.call("file:list", {});
// @ts-expect-error: a role is viewer, editor or owner
socket.emit("project:share", { projectId: "project-123", userId: "user-789", role: "king" });

const response: AiResponse = await socket.sendAIMessage({ message: "todos" });
{
  await using lock = await socket.lockFile("project-123", "a.txt");
  await lock.write("text");
}
{
  await using document = await socket.openDocument("project-123", "a.txt");
  document.update((text) => text.toUpperCase());
  const stop: () => void = document.onChange((text) => text.length.toFixed());
  stop();
  // @ts-expect-error: what others see is changed by typing
  document.text = "";
  await document.wait();
}
try {
  await socket.joinProject("nowhere");
} catch (error) {
  // @ts-expect-error: there is no such code
  if (error instanceof Refused && error.code === "GONE") throw error;
}
export { members, paths, response, text, user };
