// A Monobase of a test file's own: the binary on a temporary data directory with one superuser.
//
//     const server = await startServer();
//     const client = await server.superuser();
//     after(() => server.stop());
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PocketBase from "pocketbase";

export const binary =
  process.env.MONOBASE_TEST_BINARY ?? new URL("../../target/debug/monobase", import.meta.url).pathname;
const START_MS_MAX = 60_000;
const START_LINE = /Server started at (http:\/\/[0-9.]+:[0-9]+)\s/;
const INSTALLER_LINK = /^(http\S+#\/pbinstall\/\S+)\n/m;

export const EMAIL = "test@example.com";
export const PASSWORD = "1234567890";

// Every first commit fails with "retry", as in all other suites.
export const environment = { ...process.env, MONOBASE_FAULT_RETRY: "1" };

// `superuser: false` leaves the first one to the installer's link; `files` (name → text) are served from the public
// directory; `flags` and environment `variables` are added to those of `serve`.
export async function startServer({ superuser = true, files = {}, flags = [], variables = {} } = {}) {
  const home = mkdtempSync(join(tmpdir(), "monobase-sdk-"));
  const publicDir = join(home, "pb_public");
  mkdirSync(publicDir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(publicDir, name), text);
  const folders = ["--dir", join(home, "pb_data"), "--publicDir", publicDir];
  const env = { ...environment, ...variables };
  if (superuser) {
    const made = spawnSync(binary, ["superuser", "upsert", EMAIL, PASSWORD, ...folders], { env });
    if (made.status !== 0) throw new Error(`superuser upsert failed: ${made.error ?? made.stderr}`);
  }
  let child;
  const serve = (address, lastLine) => {
    child = spawn(binary, ["serve", "--http", address, ...folders, ...flags], { env });
    return listening(child, lastLine);
  };
  const end = (signal) => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    return ended;
  };
  const { url, printed } = await serve("127.0.0.1:0", superuser ? START_LINE : INSTALLER_LINK);
  return {
    url,
    // The link with which the first superuser is made, as it was printed; undefined when there is one already.
    installerLink: INSTALLER_LINK.exec(printed)?.[1],
    // Its data directory, for commands beside it.
    dir: join(home, "pb_data"),
    // A client as a new user has it.
    client: () => new PocketBase(url),
    // A client that has signed in as the superuser.
    async superuser() {
      const client = new PocketBase(url);
      await client.collection("_superusers").authWithPassword(EMAIL, PASSWORD);
      return client;
    },
    // Kills the server and starts it on the same data and port; `meanwhile` runs while there is none.
    async restart(meanwhile = async () => {}) {
      await end("SIGKILL");
      await meanwhile();
      await serve(new URL(url).host, START_LINE);
    },
    async stop() {
      await end();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

// Waits until the server has printed its start line, and `lastLine` if given. What it printed instead is the error.
export function listening(child, lastLine = START_LINE) {
  return new Promise((resolve, reject) => {
    let printed = "";
    const fail = (why) => {
      child.kill("SIGKILL");
      reject(new Error(`${why}; it printed:\n${printed}`));
    };
    const timer = setTimeout(() => fail("the server did not start in time"), START_MS_MAX);
    child.once("error", (error) => fail(`${binary} does not start: ${error.message}`));
    const ended = (code) => fail(`the server ended with ${code}`);
    child.once("exit", ended);
    const read = (chunk) => {
      printed += chunk;
      const found = START_LINE.exec(printed);
      if (found === null || !lastLine.test(printed)) return;
      clearTimeout(timer);
      child.off("exit", ended);
      resolve({ url: found[1], printed });
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
  });
}

// Asserts that a call is refused with this status and gives the SDK's error.
export async function refused(call, status) {
  try {
    await call;
  } catch (error) {
    if (error.status !== status) throw error;
    return error;
  }
  throw new Error(`expected a refusal with ${status}`);
}
