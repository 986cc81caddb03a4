// The browser bundle of the official client in Chromium: the core cases, and pages of a foreign
// origin.
import assert from "node:assert/strict";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import test, { after, afterEach, before, describe } from "node:test";
import { chromium } from "playwright-core";
import { expected } from "./expectations.mjs";
import { overEachTransport, startServer, useServer } from "./helpers.mjs";
import { proxyTo } from "./proxy.mjs";

const FILES = {
  "/page": ["text/html", readFileSync(new URL("fixtures/page.html", import.meta.url), "utf8")],
  "/socket.io.js": [
    "text/javascript",
    readFileSync(
      new URL("node_modules/socket.io-client/dist/socket.io.js", import.meta.url),
      "utf8",
    ),
  ],
};

function findChromium() {
  // The first program has no windows, and needs half of the others' time.
  const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  const candidates = process.env.CHROMIUM
    ? [process.env.CHROMIUM]
    : names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const isExecutable = (path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  const found = candidates.find(isExecutable);
  if (found) return found;
  throw new Error(
    "Chromium was not found: install it (apt-get install chromium) or set CHROMIUM to its path",
  );
}

// Without a browser this file fails as a whole, here.
const executablePath = findChromium();

// One page for all tests: its origin is a proxy, which leads to the server of the test.
let browser, page, proxy;
const target = { port: 0 };

before(async () => {
  browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--in-process-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  proxy = await proxyTo(target, { files: FILES });
  page = await openPage();
});
afterEach(() => page.evaluate(() => closeAll()));
after(async () => {
  await browser?.close();
  proxy?.close();
});

async function openPage() {
  const another = await browser.newPage();
  await another.goto(`${proxy.url}/page`);
  return another;
}

/** Let the origin of the page lead to `server`. Return the page's address. */
function leadTo(server) {
  target.port = server.port;
  return proxy.url;
}

describe("a page of the same origin", () => {
  const server = useServer();

  overEachTransport(test, "connects, sends and receives", async (t, options) => {
    const url = leadTo(server);
    const result = await page.evaluate(
      async ([url, options]) => {
        const socket = await connect(url, options);
        const echo = once(socket, "echo");
        socket.emit("echo", 1, "é😀\u2028\u0000", { list: [null, true, 1.5] });
        return { transport: socket.io.engine.transport.name, echo: await echo, id: socket.id };
      },
      [url, options],
    );
    assert.equal(result.transport, options.transports.at(-1));
    assert.deepEqual(result.echo, [1, "é😀\u2028\u0000", { list: [null, true, 1.5] }]);
    await server.report({ event: "connect", namespace: "/", id: result.id });
  });

  overEachTransport(
    test,
    "bytes: ArrayBuffer, views, Blob and File, nested and empty",
    async (t, options) => {
      const url = leadTo(server);
      const [echo, answer] = await page.evaluate(
        async ([url, options]) => {
          const socket = await connect(url, options);
          const bytes = new Uint8Array([0, 1, 30, 128, 255]);
          const echo = once(socket, "echo");
          socket.emit(
            "echo",
            bytes.buffer,
            bytes,
            bytes.subarray(1, 3),
            { blob: new Blob([bytes]), list: [new File([bytes], "name"), "text"] },
            new ArrayBuffer(0),
            new Blob([]),
          );
          return [
            plain(await echo),
            plain(await ask(socket, "acknowledge", bytes.buffer, new Blob([bytes]))),
          ];
        },
        [url, options],
      );
      const bytes = { bytes: [0, 1, 30, 128, 255] };
      const empty = { bytes: [] };
      assert.deepEqual(echo, [
        bytes,
        bytes,
        { bytes: [1, 30] },
        { blob: bytes, list: [bytes, "text"] },
        empty,
        empty,
      ]);
      assert.deepEqual(answer, [bytes, bytes]);
    },
  );

  overEachTransport(test, "acknowledgements in both directions", async (t, options) => {
    const url = leadTo(server);
    const result = await page.evaluate(
      async ([url, options]) => {
        const socket = await connect(url, options);
        socket.on("question", (number, answer) => answer(number * 2, new Uint8Array([1]).buffer));
        const many = await Promise.all(
          Array.from({ length: 100 }, (_, number) => ask(socket, "acknowledge", number)),
        );
        return {
          none: await ask(socket, "acknowledge"),
          several: await ask(socket, "acknowledge", 1, "two"),
          called: await ask(socket, "call", "question", [21], 10_000),
          inOrder: many.every(([value], number) => value === number),
          late: await socket
            .timeout(50)
            .emitWithAck("nobody listens")
            .catch((error) => error.message),
        };
      },
      [url, options],
    );
    assert.deepEqual(result.none, []);
    assert.deepEqual(result.several, [1, "two"]);
    assert.equal(result.called[0].answer[0], 42);
    assert.equal(result.inOrder, true);
    assert.equal(result.late, "operation has timed out");
  });

  overEachTransport(test, "namespaces, auth and refusals", async (t, options) => {
    const url = leadTo(server);
    const result = await page.evaluate(
      async ([url, options]) => {
        const main = await connect(url, { ...options, auth: { token: "é" } });
        const refused = main.io.socket("/admin", { auth: { token: "wrong" } });
        const [error] = await once(refused, "connect_error");
        const [unknown] = await once(main.io.socket("/nowhere"), "connect_error");
        refused.auth = { token: "secret" };
        refused.connect();
        await connected(refused);
        return {
          auth: (await ask(main, "handshake"))[0].auth,
          refusal: [error.message, error.data],
          unknown: unknown.message,
          admitted: await ask(refused, "acknowledge", 1),
        };
      },
      [url, options],
    );
    assert.deepEqual(result, {
      auth: { token: "é" },
      refusal: ["not authorized", { code: "E1", retry: [1, 2] }],
      unknown: "Invalid namespace",
      admitted: [1],
    });
  });

  test("rooms and broadcasts between two pages", async (t) => {
    const url = leadTo(server);
    const other = await openPage();
    t.after(() => other.close());
    for (const each of [page, other]) {
      await each.evaluate(async (url) => {
        window.socket = await connect(url);
        window.news = [];
        socket.on("news", (...args) => news.push(plain(args)));
      }, url);
    }
    await other.evaluate(() => ask(socket, "join", "readers"));
    await page.evaluate(async () => {
      await ask(socket, "to", ["readers"], [], "news", new Uint8Array([7]));
      await ask(socket, "broadcast", "news", "to all others");
    });
    const heard = [page, other].map((each) =>
      each.evaluate(() => ask(socket, "acknowledge").then(() => news)),
    );
    assert.deepEqual(await Promise.all(heard), [[], [[{ bytes: [7] }], ["to all others"]]]);
  });

  test("1,000 messages each way during the upgrade, in order", async (t) => {
    const url = leadTo(server);
    const [echoes, numbers, transport] = await page.evaluate(async (url) => {
      const socket = open(url, { query: { burst: "1000" } });
      const echoes = [];
      const numbers = [];
      socket.on("echo", (number, bytes) => echoes.push([number, new Uint8Array(bytes)[0]]));
      socket.on("number", (number) => numbers.push(number));
      for (let number = 0; number < 1000; number++)
        socket.emit("echo", number, new Uint8Array([number % 256]));
      await connected(socket);
      await ask(socket, "acknowledge");
      return [echoes, numbers, socket.io.engine.transport.name];
    }, url);
    assert.deepEqual(
      echoes,
      Array.from({ length: 1000 }, (_, number) => [number, number % 256]),
    );
    assert.deepEqual(
      numbers,
      Array.from({ length: 1000 }, (_, number) => number),
    );
    assert.equal(transport, "websocket");
  });

  overEachTransport(test, "a page that goes away disconnects", async (t, options) => {
    const url = leadTo(server);
    const leaving = await openPage();
    t.after(() => leaving.close());
    const id = await leaving.evaluate(
      async ([url, options]) => (await connect(url, options)).id,
      [url, options],
    );
    await leaving.goto("about:blank");
    const report = await server.report({ event: "disconnect", id });
    assert.match(report.reason, /^transport (close|error)$/);
  });
});

describe("the server restarts", () => {
  overEachTransport(test, "the page comes back and sends what waited", async (t, options) => {
    const server = await startServer(t);
    const url = leadTo(server);
    await page.evaluate(
      async ([url, options]) => {
        window.socket = await connect(url, options);
        window.gone = once(socket, "disconnect");
      },
      [url, options],
    );
    await server.kill();
    await page.evaluate(async () => {
      await gone;
      window.echo = once(socket, "echo");
      window.back = once(socket, "connect");
      socket.emit("echo", "waited");
    });
    await server.start();
    assert.deepEqual(await page.evaluate(() => back.then(() => echo)), ["waited"]);
  });
});

describe("a page of a foreign origin", () => {
  for (const [name, origin] of Object.entries({
    "allowed by *": () => "*",
    "allowed by a list": () => ["http://a.test", proxy.url],
    "allowed by its name": () => proxy.url,
  })) {
    describe(name, () => {
      const server = useServer(() => ({ cors: { origin: origin() } }));

      overEachTransport(test, "connects", async (t, options) => {
        const [handshake, echo] = await page.evaluate(
          async ([url, options]) => {
            const socket = await connect(url, { ...options, extraHeaders: { "X-Token": "t" } });
            const echo = once(socket, "echo");
            socket.emit("echo", "x".repeat(5000), new Uint8Array([1]));
            return [(await ask(socket, "handshake"))[0], plain(await echo)];
          },
          [server.url, options],
        );
        assert.equal(handshake.xdomain, true);
        assert.equal(handshake.headers.origin, proxy.url);
        if (options.transports[0] === "polling") assert.equal(handshake.headers["x-token"], "t");
        assert.deepEqual(echo, ["x".repeat(5000), { bytes: [1] }]);
      });
    });
  }

  describe("allowed with credentials", () => {
    const server = useServer(() => ({
      cors: { origin: proxy.url, credentials: true },
      cookie: true,
    }));

    test("the cookie of the server comes back", async (t) => {
      t.after(() => page.context().clearCookies());
      const cookies = await page.evaluate(async (url) => {
        const cookies = [];
        for (let round = 0; round < 2; round++) {
          const socket = await connect(url, { transports: ["polling"], withCredentials: true });
          cookies.push([socket.io.engine.id, (await ask(socket, "handshake"))[0].headers.cookie]);
        }
        return cookies;
      }, server.url);
      assert.equal(cookies[0][1], undefined);
      assert.equal(cookies[1][1], `io=${cookies[0][0]}`);
    });
  });

  for (const [name, options] of Object.entries({
    "a server without CORS": {},
    "a server that allows another origin": { cors: { origin: ["http://a.test"] } },
  })) {
    describe(name, () => {
      const server = useServer(options);

      /** Return the reason of the refusal, or the handshake if there was none. */
      const outcome = (transports) =>
        page.evaluate(
          async ([url, transports]) => {
            const socket = open(url, { transports, reconnection: false });
            return await Promise.race([
              connected(socket).then(async () => (await ask(socket, "handshake"))[0]),
              once(socket, "connect_error").then(([error]) => error.message),
            ]);
          },
          [server.url, transports],
        );

      test("does not let it read over polling", async () => {
        assert.equal(await outcome(["polling"]), "xhr poll error");
        const response = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, {
          headers: { origin: "http://foreign.test" },
        });
        assert.equal(response.status, expected("status of polling from a foreign origin"));
        assert.equal(response.headers.get("access-control-allow-origin"), null);
      });

      test("over WebSocket", async () => {
        const result = await outcome(["websocket"]);
        if (expected("WebSocket from a foreign origin is refused"))
          assert.equal(result, "websocket error");
        else assert.equal(result.xdomain, true);
      });
    });
  }
});
