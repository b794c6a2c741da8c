// A real mail server for a test file, and the links in what it got.
//
//     const mail = await startMail();
//     await mail.receivesFrom(superuser, server.url);
//     const link = await mail.linkFor("ada@example.com", "confirm-verification");
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const script = new URL("../support/smtp.mjs", import.meta.url).pathname;
// Mail is sent after the answer, by a job.
const ARRIVAL_MS_MAX = 30_000;

export async function startMail() {
  const child = spawn("node", [script, "accepts"], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const port = Number(await new Promise((resolve) => lines.once("line", resolve)));
  const mails = [];
  let wake = () => {};
  lines.on("line", (line) => {
    mails.push(JSON.parse(line));
    wake();
  });
  return {
    // Has the server send its mail here, with links that lead to `url`.
    async receivesFrom(superuser, url) {
      const smtp = { enabled: true, host: "127.0.0.1", port, tls: false };
      await superuser.settings.update({ smtp, meta: { appName: "Acme", appURL: url } });
    },
    // Waits for the link to this page in the last mail to `address` that has one; takes the mail out.
    async linkFor(address, page) {
      const deadline = Date.now() + ARRIVAL_MS_MAX;
      for (;;) {
        const at = mails.findLastIndex((mail) => mail.to.includes(address) && linkIn(mail.message, page));
        if (at >= 0) return linkIn(mails.splice(at, 1)[0].message, page);
        const left = deadline - Date.now();
        if (left <= 0) throw new Error(`no mail to ${address} with a link to ${page}: ${JSON.stringify(mails)}`);
        await Promise.race([new Promise((resolve) => (wake = resolve)), new Promise((resolve) => setTimeout(resolve, left))]);
      }
    },
    stop: () => child.kill(),
  };
}

function linkIn(message, page) {
  const text = message.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return new RegExp(`href="([^"]*/_/#/auth/${page}/[^"]+)"`).exec(text)?.[1];
}
