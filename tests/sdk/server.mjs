// A Monobase of a test file's own: the binary on a temporary data directory with one superuser.
//
//     const server = await startServer();
//     const client = await server.superuser();
//     after(() => server.stop());
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PocketBase from "pocketbase";

export const binary =
  process.env.MONOBASE_TEST_BINARY ?? new URL("../../target/debug/monobase", import.meta.url).pathname;
const START_MS_MAX = 60_000;

export const EMAIL = "test@example.com";
export const PASSWORD = "1234567890";

// Every first commit fails with "retry", as in all other suites.
export const environment = { ...process.env, MONOBASE_FAULT_RETRY: "1" };

export async function startServer() {
  const home = mkdtempSync(join(tmpdir(), "monobase-sdk-"));
  const flags = ["--dir", join(home, "pb_data"), "--publicDir", join(home, "pb_public")];
  const made = spawnSync(binary, ["superuser", "upsert", EMAIL, PASSWORD, ...flags], { env: environment });
  if (made.status !== 0) throw new Error(`superuser upsert failed: ${made.error ?? made.stderr}`);
  const serve = (address) => spawn(binary, ["serve", "--http", address, ...flags], { env: environment });
  let child = serve("127.0.0.1:0");
  const url = await listening(child);
  return {
    url,
    // Kills it and starts it again at the same address.
    async restart() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      child = serve(url.replace("http://", ""));
      await listening(child);
    },
    // A client as a new user has it.
    client: () => new PocketBase(url),
    // A client that has signed in as the superuser.
    async superuser() {
      const client = new PocketBase(url);
      await client.collection("_superusers").authWithPassword(EMAIL, PASSWORD);
      return client;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

// Waits for the start line; what was printed instead is the error.
export function listening(child) {
  return new Promise((resolve, reject) => {
    let printed = "";
    const fail = (why) => {
      child.kill("SIGKILL");
      reject(new Error(`${why}; it printed:\n${printed}`));
    };
    const timer = setTimeout(() => fail("the server did not start in time"), START_MS_MAX);
    child.once("error", (error) => fail(`${binary} does not start: ${error.message}`));
    child.once("exit", (code) => fail(`the server ended with ${code}`));
    const read = (chunk) => {
      printed += chunk;
      const found = /Server started at (http:\/\/[0-9.]+:[0-9]+)\s/.exec(printed);
      if (found === null) return;
      clearTimeout(timer);
      child.removeAllListeners("exit");
      // Read on, or a full pipe would hold the server up; but look no further.
      for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners("data").resume();
      resolve(found[1]);
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
