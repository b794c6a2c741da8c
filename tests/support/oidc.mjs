// A certified OpenID provider for tests: prints its issuer. Usage: node oidc.mjs REDIRECT_URI…
// Anybody signs in with any password; the login is the subject, and LOGIN@example.com the verified address.
import Provider from "oidc-provider";

const redirectUris = process.argv.slice(2);
const port = await freePort();
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: "app", client_secret: "s3:cr%et", redirect_uris: redirectUris }],
  claims: { email: ["email", "email_verified"], profile: ["name", "preferred_username"], openid: ["sub"] },
  // The claims stand in the ID token too, as many providers do it.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `The ${id}`,
      preferred_username: id,
      email: `${id}@example.com`,
      email_verified: true,
    }),
  }),
});
const listener = provider.listen(port, "127.0.0.1", () => console.log(issuer));
process.on("SIGTERM", () => listener.close());

async function freePort() {
  const { createServer } = await import("node:net");
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
