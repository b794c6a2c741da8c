// Runs a page of documentation as its reader would: the sh and js blocks in order, against a server of its own.
//
// What a block prints is compared with what the page says it prints: comment lines (`# …` in sh, `// …` in js) that
// follow a command without a blank line. `…` in them stands for anything. Comments that begin a block or follow a blank
// line are for people.
//
// Blocks of a page share one shell and one JavaScript scope, as in two open terminals. Only places are replaced: the
// address and port, the binary, a mail server's host, a path to somebody's own data. `prompt(…)` gives what the last
// mail holds: the token at the end of its link, or its code.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "node:inspector/promises";
import { inspect } from "node:util";
import { EventSource } from "eventsource";
import { Mailbox } from "./mailbox.mjs";
import { binary, environment, listening } from "./server.mjs";

const PROJECT = new URL("../../", import.meta.url).pathname;
const WAIT_MS_MAX = 30_000;
const ADDRESS = /127\.0\.0\.1:8090/g;
const START = /^(?:make run|\S*monobase serve .*)$/;

// The page's blocks: language, text, the line it begins at.
export function blocksOf(markdown) {
  const blocks = [];
  let open = null;
  for (const [index, line] of markdown.split("\n").entries()) {
    if (open === null) {
      const fence = /^```(sh|js|json)$/.exec(line);
      if (fence) open = { language: fence[1], line: index + 2, lines: [] };
    } else if (line === "```") {
      blocks.push(open);
      open = null;
    } else {
      open.lines.push(line);
    }
  }
  return blocks;
}

// A block's steps: commands, and what they shall print (null: nobody says).
export function stepsOf({ language, lines, line }) {
  const mark = language === "sh" ? "# " : "// ";
  const steps = [];
  let commands = [];
  let expected = [];
  let first = line;
  const close = (next) => {
    if (commands.some((text) => text.trim() !== "")) {
      steps.push({ commands: commands.join("\n"), expected: expected.length ? expected.join("\n") : null, line: first });
    }
    [commands, expected, first] = [[], [], next];
  };
  let previous = "";
  for (const [index, text] of lines.entries()) {
    const isAnswer = text.startsWith(mark) && (expected.length > 0 || (previous !== "" && !previous.startsWith(mark)));
    if (isAnswer) {
      expected.push(text.slice(mark.length));
    } else {
      if (expected.length > 0) close(line + index);
      commands.push(text.startsWith(mark) ? "" : text);
    }
    previous = text;
  }
  close(0);
  return steps;
}

// `…` is anything; runs of white space are one blank.
export function matches(expected, printed) {
  const plain = (text) => text.trim().replace(/\s+/g, " ");
  const pattern = plain(expected)
    .split("…")
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join("[^]*?");
  return new RegExp(`^${pattern}$`).test(plain(printed));
}

// Runs the page. `start` says whether a server is there from the beginning; a page that starts one itself says how.
export async function runPage(path, { start }) {
  const reader = await Reader.sit({ start });
  try {
    for (const block of blocksOf(readFileSync(join(PROJECT, path), "utf8"))) {
      if (block.language === "json") continue;
      for (const step of stepsOf(block)) {
        const printed = await reader.follow(block.language, step.commands);
        if (step.expected !== null && !matches(step.expected, printed)) {
          throw new Error(`${path}:${step.line} printed\n${printed}\nand not\n${step.expected}`);
        }
      }
    }
  } finally {
    await reader.leave();
  }
}

// Somebody with an empty folder, a shell, a JavaScript prompt and a mailbox.
class Reader {
  static async sit({ start }) {
    const reader = new Reader();
    reader.home = mkdtempSync(join(tmpdir(), "monobase-guide-"));
    reader.servers = [];
    reader.address = "127.0.0.1:8090";
    reader.mailbox = await Mailbox.open();
    reader.shell = new Shell(reader.home);
    reader.script = new Script(reader);
    if (start) {
      await reader.start("pb_data");
      await reader.shell.run(`${binary} superuser upsert admin@example.com a-good-password --dir pb_data`);
    }
    return reader;
  }

  // What the page names, as it is here.
  placed(text) {
    return text
      .replace(ADDRESS, this.address)
      .replaceAll("./target/quick/monobase", binary)
      .replaceAll("path/to/pb_data", join(PROJECT, "tests/data/base"))
      .replaceAll("smtp.example.com", "127.0.0.1")
      .replace(/"?port"?: 587/g, (text) => text.replace("587", String(this.mailbox.port)));
  }

  async follow(language, commands) {
    if (language === "js") return this.script.run(this.placed(commands));
    const run = [];
    for (const line of commands.split("\n")) {
      if (!START.test(line)) {
        run.push(line);
        continue;
      }
      const directory = /--dir (\S+)/.exec(line)?.[1] ?? "pb_data";
      await this.shell.run(this.placed(run.splice(0).join("\n")));
      await this.start(directory);
    }
    return this.shell.run(this.placed(run.join("\n")));
  }

  // Starts a server; one that a page started before is stopped, as its reader would.
  async start(directory) {
    await this.stop();
    const flags = ["--dir", join(this.home, directory), "--publicDir", join(this.home, "pb_public")];
    const child = spawn(binary, ["serve", "--http", "127.0.0.1:0", ...flags], { env: environment });
    this.servers.push(child);
    this.address = new URL((await listening(child)).url).host;
  }

  async stop() {
    for (const child of this.servers.splice(0)) {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    }
  }

  async leave() {
    this.script.end();
    this.shell.end();
    this.mailbox.close();
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

// One bash, fed step by step.
class Shell {
  constructor(home) {
    this.child = spawn("bash", ["--noprofile", "--norc"], { cwd: home, stdio: ["pipe", "pipe", "pipe"] });
    this.printed = "";
    this.failed = "";
    this.heard = new EventEmitter();
    this.child.stdout.on("data", (chunk) => {
      this.printed += chunk;
      this.heard.emit("more");
    });
    this.child.stderr.on("data", (chunk) => (this.failed += chunk));
  }

  // Runs commands; gives what they printed. One that fails is an error.
  async run(commands) {
    if (commands.trim() === "") return "";
    const end = `--end-${Math.random()}-`;
    this.printed = this.failed = "";
    this.child.stdin.write(`${commands}\necho "${end}$?"\n`);
    const deadline = AbortSignal.timeout(WAIT_MS_MAX);
    let found;
    while ((found = this.printed.indexOf(end)) < 0) await once(this.heard, "more", { signal: deadline });
    const status = this.printed.slice(found + end.length).trim();
    const printed = this.printed.slice(0, found);
    if (status !== "0") throw new Error(`exit ${status} of\n${commands}\n${printed}${this.failed}`);
    return printed;
  }

  end() {
    this.child.stdin.end();
  }
}

// One JavaScript scope, as a browser's console has it: V8's own, with `await` at the top.
class Script {
  constructor(reader) {
    this.session = new Session();
    this.session.connect();
    Object.assign(globalThis, {
      load: (name) => import(name),
      prompt: (question) => reader.mailbox.read(question),
      // Node has no EventSource of its own yet; browsers do.
      EventSource,
    });
    this.reader = reader;
  }

  // Runs statements; gives what they logged. One that asks the reader waits for the mail that those before it caused.
  async run(commands) {
    let printed = "";
    let waiting = [];
    for (const line of commands.split("\n")) {
      if (line.includes("prompt(")) {
        printed += await this.evaluate(waiting.splice(0).join("\n"));
        await this.reader.mailbox.next();
      }
      waiting.push(line);
    }
    return printed + (await this.evaluate(waiting.join("\n")));
  }

  async evaluate(commands) {
    const expression = commands
      .replace(/^import (\w+) from ("[^"]+");/gm, "const { default: $1 } = await load($2);")
      .replace(/^import (\{[^}]+\}) from ("[^"]+");/gm, "const $1 = await load($2);");
    let printed = "";
    const { log } = console;
    console.log = (...values) => {
      const show = (value) => (typeof value === "string" ? value : inspect(value, { depth: 9, breakLength: Infinity }));
      printed += `${values.map(show).join(" ")}\n`;
    };
    // A promise alone doesn't keep the process alive.
    const alive = setTimeout(() => {}, WAIT_MS_MAX);
    try {
      const asked = { expression, replMode: true, awaitPromise: true, timeout: WAIT_MS_MAX };
      const { exceptionDetails } = await this.session.post("Runtime.evaluate", asked);
      if (exceptionDetails) {
        const { exception, text } = exceptionDetails;
        throw new Error(`${text} ${exception?.description ?? JSON.stringify(exception)} of\n${commands}`);
      }
    } finally {
      clearTimeout(alive);
      console.log = log;
    }
    return printed;
  }

  end() {
    this.session.disconnect();
  }
}
