// People with the official client, and with the JavaScript SDK, for others.py, which reads the lines
// that this prints: each is one thing that was heard, done or acknowledged, as JSON.
//
// Usage: node others.mjs URL COUNT; a line "go" begins, "stop" ends, on the standard input.

import { createInterface } from "node:readline";
import { AICodingAssistantSocket } from "../../../sdk/javascript/index.js";
import { createRequire } from "node:module";

// The SDK's own copy of the official client.
const { io } = createRequire(new URL("../../../sdk/javascript/", import.meta.url))("socket.io-client");

const [url, count] = process.argv.slice(2);
const projectId = "project-123";
const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];
const DOCUMENTS = [0, 1, 2, 3, 4].map((number) => `typed/${number}.txt`);
const PAUSE_MILLISECONDS = 2_000;
const RETRY_MILLISECONDS = 500;

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
let isGoing = false;
let words = 0;

/** What no client may hear twice. */
const IDENTITIES = {
  "chat:message": ({ message }) => message.id,
  "file:created": ({ file }) => `${file.path} ${file.revision}`,
  "file:updated": ({ file }) => `${file.path} ${file.revision}`,
  "file:edited": ({ filePath, epoch, version }) => `${filePath} ${epoch} ${version}`,
  "file:locked": ({ lock }) => `${lock.token} ${lock.orphaned}`,
  "file:unlocked": ({ token }) => `${token}`,
};

class Person {
  heard = new Set();
  isOfficial = false;

  constructor(name) {
    this.name = name;
  }

  listen(socket) {
    for (const [event, identity] of Object.entries(IDENTITIES)) {
      socket.on(event, (data) => this.hear(event, identity(data), data));
    }
    socket.on("disconnect", () => tell({ lost: this.name }));
  }

  hear(event, identity, data) {
    const key = `${event} ${identity}`;
    if (this.heard.has(key)) tell({ problem: `${this.name} heard ${key} twice` });
    this.heard.add(key);
    if (event === "file:updated" && data.file.path.startsWith("probe/")) {
      tell({ felt: this.name, path: data.file.path, sent: Number(data.content) });
    }
  }

  word() {
    words += 1;
    return `${this.name}.${words}`;
  }

  async live() {
    while (isGoing) {
      await this.act();
      await sleep(Math.random() * PAUSE_MILLISECONDS);
    }
  }

  /** Say something, again and again until it is acknowledged. */
  async chat() {
    const message = this.word();
    tell({ saying: message });
    for (;;) {
      const begun = performance.now();
      try {
        const said = await this.ask("chat:message", { projectId, message, key: message });
        if (!this.isOfficial) tell({ took: (performance.now() - begun) / 1_000 });
        return tell({ said: message, id: said.message.id });
      } catch (error) {
        this.failed(error);
        await sleep(RETRY_MILLISECONDS);
      }
    }
  }

  failed(error) {
    tell({ failed: error.code ?? error.message, official: this.isOfficial });
  }
}

/** Somebody with the official client, who does what is to be done on each connection. */
class Official extends Person {
  isOfficial = true;

  constructor(name, transports) {
    super(name);
    this.socket = io(url, { transports, forceNew: true });
    this.listen(this.socket);
    this.socket.on("connect", () => this.enter());
    this.socket.on("server:resync", () => this.enter());
    this.socket.on("disconnect", (reason) => {
      // After this one the official client does not come back by itself.
      if (reason === "io server disconnect") this.socket.connect();
    });
  }

  async ask(event, payload) {
    const answer = await this.socket.timeout(20_000).emitWithAck(event, payload);
    if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer;
  }

  async enter() {
    const { id } = this.socket;
    while (this.socket.id === id) {
      try {
        await this.ask("user:join", { userId: this.name });
        await this.ask("project:join", { projectId });
        return tell({ entered: this.name });
      } catch {
        await sleep(RETRY_MILLISECONDS);
      }
    }
  }

  act() {
    return this.chat();
  }

  copies() {
    return {};
  }
}

/** Somebody with the JavaScript SDK, who types as well. */
class WithSDK extends Person {
  document = null;

  constructor(name, transports) {
    super(name);
    this.client = new AICodingAssistantSocket({ baseURL: url, userId: name, transports });
    this.listen(this.client);
    this.start();
  }

  async start() {
    await this.client.connect();
    await this.client.joinProject(projectId);
    tell({ entered: this.name });
  }

  ask(event, payload) {
    return this.client.call(event, payload);
  }

  async act() {
    if (Math.random() < 0.3) return this.chat();
    try {
      const path = DOCUMENTS[Math.floor(Math.random() * DOCUMENTS.length)];
      this.document ??= await this.client.openDocument(projectId, path);
      const word = this.word();
      this.document.append(`${word}\n`);
      tell({ typed: word, path: this.document.filePath });
      await this.document.wait();
      tell({ acknowledged: word, path: this.document.filePath });
    } catch (error) {
      this.failed(error);
      this.document = null;
      await sleep(RETRY_MILLISECONDS);
    }
  }

  copies() {
    return this.document ? { [this.document.filePath]: this.document.text } : {};
  }
}

const people = Array.from({ length: Number(count) }, (_, number) => {
  const Kind = number % 2 ? WithSDK : Official;
  return new Kind(`other-${number}`, TRANSPORTS[number % TRANSPORTS.length]);
});

let lives = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "go") {
    isGoing = true;
    lives = people.map((person) => person.live());
  } else if (line === "stop") {
    isGoing = false;
    await Promise.all(lives);
    tell({ stopped: true });
  } else {
    tell({ copies: people.map((person) => [person.name, person.copies()]) });
  }
}
process.exit(0);
