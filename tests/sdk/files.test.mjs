// The JavaScript SDK reads, takes and gives files; test_javascript.py starts the server.

import assert from "node:assert/strict";
import test from "node:test";
import { connected, filePath, projectId } from "./clients.mjs";


test("reads a file of any size, and lists of any length", async () => {
  const ada = await connected({ userId: "user-456" });
  const content = "aé€😀".repeat(250_000);
  const file = { path: "large.txt", action: "created", content };
  await ada.call("file:change", { projectId, file });
  const read = await ada.readFile(projectId, "large.txt");
  assert.equal(read.content, content);
  assert.equal(read.size, 2_500_000);
  assert.equal(read.next, undefined);
  const listed = await ada.listAll("file:list", { projectId, limit: 1 });
  assert.deepEqual(
    listed.map(({ path }) => path),
    ["large.txt", filePath, "src/components/TodoList.jsx"],
  );
  const rest = await ada.listAll("file:list", { projectId, limit: 1 }, filePath);
  assert.equal(rest.length, 1);
  const found = await ada.search(projectId, "todolist", { limit: 1, isWholeWord: true });
  assert.deepEqual(
    found.map((one) => [one.filePath, one.hits.length]),
    [
      [filePath, 3],
      ["src/components/TodoList.jsx", 1],
    ],
  );
  await ada.call("file:change", { projectId, file: { path: "large.txt", action: "deleted" } });
});

test("reads a file again that changes meanwhile, and gives up in the end", async () => {
  const ada = await connected({ userId: "user-456" });
  const answers = [];
  ada.call = async () => answers.shift();
  const part = (content, hash, next) => ({ filePath, content, size: 4, hash, next });
  answers.push(part("on", "1", 2), part("xx", "2"), part("tw", "2", 2), part("o!", "2"));
  assert.equal((await ada.readFile(projectId, filePath)).content, "two!");
  for (let count = 0; count < 5; count++) answers.push(part("on", "1", 2), part("xx", "2", 3));
  await assert.rejects(ada.readFile(projectId, filePath), { code: "VERSION_CONFLICT" });
  assert.equal(answers.length, 0);
});

test("sends a file again to a server that knows nothing of it, and gives up in the end", async () => {
  const ada = await connected({ userId: "user-456" });
  const call = ada.call;
  const data = new Uint8Array(262_145);
  for (const [forgets, path] of [[4, "four.bin"], [5, "five.bin"]]) {
    let left = forgets;
    ada.call = (event, payload) => {
      const isForgotten = payload.offset > 0 && left-- > 0;
      const sent = isForgotten ? { ...payload, uploadId: "upload-elsewhere" } : payload;
      return call.call(ada, event, sent);
    };
    const uploaded = ada.uploadFile(projectId, path, data);
    if (forgets === 4) assert.equal((await uploaded).size, 262_145);
    else await assert.rejects(uploaded, { code: "NOT_FOUND" });
  }
  ada.call = call;
  await ada.deleteFile(projectId, "four.bin");
});

test("takes and gives files as bytes", async () => {
  const ada = await connected({ userId: "user-456" });
  const data = Uint8Array.from({ length: 600_000 }, (_, at) => at % 251);
  const file = await ada.uploadFile(projectId, "a/data.bin", data);
  assert.deepEqual([file.size, file.mediaType], [600_000, "application/octet-stream"]);
  const found = await ada.downloadFile(projectId, "a/data.bin");
  assert.deepEqual(Buffer.compare(found.data, data), 0);
  assert.equal(found.next, undefined);
  await assert.rejects(ada.uploadFile(projectId, "a/data.bin", "x"), { code: "VERSION_CONFLICT" });
  const text = await ada.uploadFile(projectId, "a/data.bin", "twö", { overwrite: true });
  assert.equal(text.mediaType, undefined);
  assert.equal((await ada.moveFile(projectId, "a", "b")).count, 1);
  assert.equal((await ada.copyFile(projectId, "b/data.bin", "b/c.txt")).file.size, 4);
  const archive = await fetch(await ada.createDownload(projectId, "b"));
  assert.match(archive.headers.get("content-disposition"), /^attachment; filename="b.zip"/);
  assert.equal(Buffer.from(await archive.arrayBuffer()).readUInt32BE(), 0x504b0304);
  const { deletionId } = await ada.deleteFile(projectId, "b");
  assert.equal((await ada.listAll("bin:list", { projectId }))[0].id, deletionId);
  assert.equal((await ada.restoreFile(projectId, deletionId, { newPath: "c" })).count, 2);
  await ada.deleteFile(projectId, "c");
});

test("replaces what is found where it still is, and restores a save", async () => {
  const ada = await connected({ userId: "user-456" });
  const content = "one 😀 cat\ncat, cat\n";
  const file = { path: "cats.txt", action: "created", content };
  await ada.call("file:change", { projectId, file });
  const options = { isRegex: true, include: ["cats.txt"] };
  const done = await ada.replace(projectId, "c(a)t", "d$1g", options);
  assert.deepEqual(done, [{ filePath: "cats.txt", replaced: 3, left: 0 }]);
  assert.equal((await ada.readFile(projectId, "cats.txt")).content, content.replaceAll("cat", "dag"));
  const saves = await ada.listAll("history:list", { projectId, filePath: "cats.txt" });
  const saveId = saves.at(-1).id;
  assert.equal((await ada.readFile(projectId, "cats.txt", { saveId })).content, content);
  const { data } = await ada.downloadFile(projectId, "cats.txt", { saveId });
  assert.equal(new TextDecoder().decode(data), content);
  await ada.restoreSave(projectId, "cats.txt", saveId);
  assert.equal((await ada.readFile(projectId, "cats.txt")).content, content);
  await ada.deleteFile(projectId, "cats.txt");
});
