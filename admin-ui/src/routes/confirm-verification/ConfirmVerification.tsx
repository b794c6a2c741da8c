import { useEffect, useRef } from "react";
import { textClaims } from "../../api/claims";
import { freshClient } from "../../api/client";
import { failureMessage, useCall } from "../../api/useCall";
import { Alert } from "../../ui/Alert";
import { Button } from "../../ui/Button";
import { Screen } from "../../ui/Screen";
import { BrokenLink } from "../BrokenLink";
import { ExpiredLink } from "../ExpiredLink";

export function ConfirmVerification({ token }: { token: string }) {
  const claims = textClaims(token, ["email", "collectionId"]);
  if (claims === null) return <BrokenLink />;
  return <Verification token={token} email={claims.email} collection={claims.collectionId} />;
}

/** Confirms at once: to follow the link is the act. A mail scanner that only fetches it doesn't see the token. */
function Verification({ token, email, collection }: { token: string; email: string; collection: string }) {
  const users = freshClient().collection(collection);
  const [state, confirm] = useCall(() => users.confirmVerification(token));
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    confirm();
  });
  if (state.is === "done") {
    return (
      <Screen icon="check" tone="ok" title="Your e-mail address is verified">
        <p className="prose">
          <strong>{email}</strong> is yours. You can close this page and go on where you were.
        </p>
      </Screen>
    );
  }
  if (state.is !== "failed") {
    return (
      <Screen icon="wait" title="Verifying your e-mail address">
        <p className="prose">
          One moment: <strong>{email}</strong> is being confirmed.
        </p>
      </Screen>
    );
  }
  if (state.failure.kind === "offline" || state.failure.kind === "busy") {
    return (
      <Screen icon="mail" tone="danger" title="Not verified yet">
        <Alert message={failureMessage(state)} />
        <Button busy={false} onClick={confirm}>
          Try again
        </Button>
      </Screen>
    );
  }
  return <ExpiredLink email={email} resend={() => users.requestVerification(email)} />;
}
