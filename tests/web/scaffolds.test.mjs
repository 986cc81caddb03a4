// The pages, styles and components that the built-in assistant makes, in a browser: they parse without
// a fault, and do what they say.
//
// Usage: SCAFFOLDS='{"name": "content", …}' CHROMIUM=chromium node --test scaffolds.test.mjs

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import test from "node:test";
import { visit } from "./browser.mjs";

const ts = createRequire(new URL("../../sdk/javascript/package.json", import.meta.url))("typescript");
const made = JSON.parse(process.env.SCAFFOLDS);
const preact = new URL("../../server/web/node_modules/preact/", import.meta.url);
const MODULES = { "preact.mjs": "dist/preact.mjs", "hooks.mjs": "hooks/dist/hooks.mjs" };
const SITE = "http://scaffold.test";

const HOST = (name) => `<!doctype html>
<title>A component</title>
<script type="importmap">{"imports": {"preact": "/preact.mjs", "react": "/hooks.mjs"}}</script>
<script type="module">
  import { h, render } from "preact";
  import Component from "/made/${name}";
  render(h(Component, { title: "Hello" }, h("p", null, "inside")), document.body);
</script>`;

/** Preact stands in for React: what is used of it is the same. */
function compiled(name) {
  const { outputText, diagnostics } = ts.transpileModule(made[name], {
    fileName: name,
    reportDiagnostics: true,
    compilerOptions: {
      jsx: ts.JsxEmit.React,
      jsxFactory: "h",
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
    },
  });
  assert.deepEqual(
    diagnostics.map(({ messageText }) => messageText),
    [],
  );
  return `import { h } from "preact";\n${outputText}`;
}

async function answer(route) {
  const { pathname } = new URL(route.request().url());
  const name = pathname.split("/").at(-1);
  if (pathname.startsWith("/made/")) {
    return route.fulfill({ contentType: "text/javascript", body: compiled(name) });
  }
  if (name.endsWith(".mjs")) {
    const body = await readFile(new URL(MODULES[name], preact), "utf8");
    return route.fulfill({ contentType: "text/javascript", body });
  }
  if (pathname.startsWith("/host/")) {
    return route.fulfill({ contentType: "text/html", body: HOST(name) });
  }
  return route.fulfill({
    contentType: name.endsWith(".css") ? "text/css" : "text/html",
    body: made[name] ?? '<!doctype html><link rel="stylesheet" href="/style.css"><a href="/">x</a>',
  });
}

test("what is made does what it says", async () => {
  const page = await visit("about:blank", {});
  await page.route(`${SITE}/**`, answer);

  for (const name of ["todo.jsx", "todo.tsx"]) {
    await page.goto(`${SITE}/host/${name}`);
    for (const item of ["milk", " bread ", "   "]) {
      await page.getByLabel("New item").fill(item);
      await page.keyboard.press("Enter");
    }
    await page.getByText("bread").waitFor();
    assert.equal(await page.locator("li").count(), 2);
    await page.getByLabel("milk").check();
    assert.equal(await page.locator("s").textContent(), "milk");
    await page.locator("li", { hasText: "milk" }).getByRole("button", { name: "Remove" }).click();
    assert.deepEqual(await page.locator("li label").allTextContents(), ["bread"]);
  }
  for (const name of ["card.jsx", "card.tsx"]) {
    await page.goto(`${SITE}/host/${name}`);
    await page.getByRole("heading", { name: "Hello" }).waitFor();
    await page.getByText("inside").waitFor();
  }

  await page.goto(`${SITE}/page.html`);
  assert.equal(await page.title(), "Tea shop");
  assert.equal(await page.evaluate(() => document.compatMode), "CSS1Compat");
  await page.getByRole("main").getByRole("heading", { name: "Tea shop" }).waitFor();

  await page.goto(`${SITE}/styled.html`);
  const rules = await page.evaluate(() =>
    [...document.styleSheets[0].cssRules].map((rule) => rule.selectorText ?? rule.conditionText),
  );
  assert.deepEqual(rules, [":root", "*, ::before, ::after", "body", "a", "print"]);
  // No declaration was dropped.
  const written = made["style.css"].match(/^\s+[\w-]+:/gm).length;
  const kept = await page.evaluate(() =>
    [...document.styleSheets[0].cssRules]
      .flatMap((rule) => (rule.cssRules?.length ? [...rule.cssRules] : [rule]))
      .flatMap((rule) => rule.cssText.match(/[\w-]+: [^;]+;/g)).length,
  );
  assert.equal(kept, written);
});
