import { readClaims } from "../../api/claims";
import { freshClient } from "../../api/client";

/** Whether a token may be the installer's: a sign-in that hasn't ended. The server alone knows. */
export function isInstallerToken(token: string, nowSeconds: number): boolean {
  const claims = readClaims(token);
  return claims?.type === "auth" && typeof claims.exp === "number" && claims.exp > nowSeconds;
}

/** Makes the first superuser in the installer's name; with that its token ends. */
export async function createSuperuser(token: string, email: string, password: string, repeated: string): Promise<void> {
  const body = { email, password, passwordConfirm: repeated };
  await freshClient()
    .collection("_superusers")
    .create(body, { headers: { Authorization: token } });
}
