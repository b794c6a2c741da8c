// A mail server for tests: prints its port, then each mail as one JSON line. Usage: node smtp.mjs BEHAVIOUR HOST
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { SMTPServer } from "smtp-server";

const [behaviour = "accepts", host = "127.0.0.1"] = process.argv.slice(2);
const certificate = (name) => readFileSync(new URL(`certificates/${name}.pem`, import.meta.url));

const options = {
  accepts: {},
  "wants-login": { authOptional: false },
  refuses: {},
  "offers-starttls": {},
  "wants-tls": { secure: true },
  "never-encrypts": { hideSTARTTLS: true },
};

function started(server) {
  console.log(server.address().port);
}

if (behaviour === "falls-silent") {
  const silent = createServer(() => {});
  silent.listen(0, host, () => started(silent));
} else {
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    key: certificate("key"),
    cert: certificate("certificate"),
    ...options[behaviour],
    onAuth({ method, username, password }, session, answer) {
      session.mechanism = method;
      const known = username === "user" && password === "secret";
      answer(known ? null : new Error("unknown user or wrong password"), { user: username });
    },
    onRcptTo(_address, _session, answer) {
      answer(behaviour === "refuses" ? Object.assign(new Error("no such mailbox"), { responseCode: 550 }) : null);
    },
    onData(stream, session, answer) {
      const chunks = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        console.log(
          JSON.stringify({
            from: mailFrom ? mailFrom.address : "",
            to: rcptTo.map((recipient) => recipient.address),
            user: session.user ?? "",
            mechanism: session.mechanism ?? "",
            encrypted: session.secure,
            message: Buffer.concat(chunks).toString("utf8"),
          }),
        );
        answer();
      });
    },
  });
  // A failed handshake must not end the process.
  server.on("error", (error) => console.error(`smtp: ${error.message}`));
  const listener = server.listen(0, host, () => started(listener));
}
