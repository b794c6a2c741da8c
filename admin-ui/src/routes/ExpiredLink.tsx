import { failureMessage, useCall } from "../api/useCall";
import { Alert } from "../ui/Alert";
import { Button } from "../ui/Button";
import { Screen } from "../ui/Screen";

interface ExpiredLinkProps {
  email: string;
  /** Asks for a new mail. */
  resend: () => Promise<unknown>;
}

/** For a link that was used already or is too old, with the way to a new one. */
export function ExpiredLink({ email, resend }: ExpiredLinkProps) {
  const [state, run] = useCall(resend);
  if (state.is === "done") {
    return (
      <Screen icon="mail" tone="ok" title="Look for the new mail">
        <p className="prose">
          If <strong>{email}</strong> still needs it, a new mail is on its way. It can take a minute; look among
          unwanted mail too.
        </p>
      </Screen>
    );
  }
  return (
    <Screen icon="link" tone="warn" title="This link doesn’t work any more">
      <p className="prose">
        It was used already, or it is too old. A new one can be sent to <strong>{email}</strong>.
      </p>
      <Button busy={state.is === "busy"} onClick={run}>
        Send a new link
      </Button>
      <Alert message={failureMessage(state)} />
    </Screen>
  );
}
