// A real mail server, and who reads what it gets.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";

const SCRIPT = new URL("../support/smtp.mjs", import.meta.url).pathname;
const WAIT_MS_MAX = 30_000;

export class Mailbox {
  static async open() {
    const mailbox = new Mailbox();
    mailbox.child = spawn("node", [SCRIPT, "accepts"], { stdio: ["ignore", "pipe", "inherit"] });
    mailbox.mails = [];
    mailbox.seen = 0;
    mailbox.heard = new EventEmitter();
    const lines = createInterface({ input: mailbox.child.stdout });
    const [port] = await once(lines, "line");
    mailbox.port = Number(port);
    lines.on("line", (line) => {
      mailbox.mails.push(JSON.parse(line));
      mailbox.heard.emit("mail");
    });
    return mailbox;
  }

  // The part of the settings that sends mail here.
  settings() {
    return { enabled: true, host: "127.0.0.1", port: this.port, tls: false, username: "", password: "" };
  }

  // Waits for a mail that wasn't read yet; mail leaves after the answer.
  async next() {
    const deadline = AbortSignal.timeout(WAIT_MS_MAX);
    while (this.mails.length <= this.seen) await once(this.heard, "mail", { signal: deadline });
  }

  // What the next mail holds: the token at the end of its link, or its code, whichever is asked for.
  read(question) {
    const mail = this.mails[this.seen++];
    const text = mail.message.replaceAll("=\r\n", "").replaceAll("=3D", "=");
    const body = text.slice(text.indexOf("\r\n\r\n"));
    const wanted = /token/i.test(question) ? /\/_\/\S*?\/([\w-]+\.[\w-]+\.[\w-]+)/ : /\b(\d{6,10})\b/;
    const found = wanted.exec(body);
    if (!found) throw new Error(`${question} Not in the mail:\n${text}`);
    return found[1];
  }

  close() {
    this.child.kill();
  }
}
