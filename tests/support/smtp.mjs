// A mail server for tests: prints its port, then each mail as one JSON line. Usage: node smtp.mjs BEHAVIOUR
import { createServer } from "node:net";
import { SMTPServer } from "smtp-server";

const behaviour = process.argv[2] ?? "accepts";

function started(server) {
  console.log(server.address().port);
}

if (behaviour === "falls-silent") {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1", () => started(silent));
} else {
  const server = new SMTPServer({
    authOptional: behaviour !== "wants-login",
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth({ username, password }, _session, answer) {
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
  const listener = server.listen(0, "127.0.0.1", () => started(listener));
}
