import { ClientResponseError } from "pocketbase";
import { useState } from "react";
import { failureMessage, fieldError, useCall } from "../../api/useCall";
import { Alert } from "../../ui/Alert";
import { Button } from "../../ui/Button";
import { Form } from "../../ui/Form";
import { Screen } from "../../ui/Screen";
import { TextField } from "../../ui/TextField";
import { NewPassword } from "../NewPassword";
import { createSuperuser, isInstallerToken } from "./installer";

export function Installer({ token }: { token: string }) {
  const [typed, setTyped] = useState({ email: "", password: "", repeated: "" });
  const [isUsedUp, setUsedUp] = useState(() => !isInstallerToken(token, Date.now() / 1000));
  const [state, create] = useCall(async () => {
    try {
      await createSuperuser(token, typed.email.trim(), typed.password, typed.repeated);
    } catch (error) {
      // Without its token the server sees a guest, who may not do this.
      if (error instanceof ClientResponseError && (error.status === 401 || error.status === 403)) setUsedUp(true);
      throw error;
    }
  });
  if (state.is === "done") {
    return (
      <Screen icon="check" tone="ok" title="Your superuser is ready">
        <p className="prose">
          <strong>{typed.email.trim()}</strong> may do everything on this server. The link that led here has ended.
        </p>
        <a className="button" href="#/">
          See what works
        </a>
      </Screen>
    );
  }
  if (isUsedUp) {
    return (
      <Screen icon="link" tone="warn" title="This link doesn’t work any more">
        <p className="prose">
          It was used already, or it is older than 30 minutes. While there is no superuser, a restart of the server
          prints a new one. Or create the superuser on the server:
        </p>
        <code className="snippet">monobase superuser upsert EMAIL PASS</code>
      </Screen>
    );
  }
  return (
    <Screen icon="person" title="Create the first superuser">
      <p className="prose">A superuser may do everything on this server.</p>
      <Form onSubmit={create} state={state}>
        <TextField
          label="E-mail address"
          name="email"
          type="email"
          autoComplete="username"
          value={typed.email}
          onChange={(email) => setTyped({ ...typed, email })}
          error={fieldError(state, "email")}
        />
        <NewPassword
          {...typed}
          onChange={(change) => setTyped({ ...typed, ...change })}
          state={state}
          hint="At least 8 characters; 10 or more are better."
        />
        <Button busy={state.is === "busy"}>Create superuser</Button>
        <Alert message={failureMessage(state, ["email", "password", "passwordConfirm"])} />
      </Form>
    </Screen>
  );
}
