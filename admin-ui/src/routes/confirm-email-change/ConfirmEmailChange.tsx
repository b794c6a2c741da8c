import { useState } from "react";
import { textClaims } from "../../api/claims";
import { freshClient } from "../../api/client";
import { failureMessage, fieldError, useCall } from "../../api/useCall";
import { Alert } from "../../ui/Alert";
import { Button } from "../../ui/Button";
import { Form } from "../../ui/Form";
import { PasswordField } from "../../ui/PasswordField";
import { Screen } from "../../ui/Screen";
import { TextField } from "../../ui/TextField";
import { BrokenLink } from "../BrokenLink";

export function ConfirmEmailChange({ token }: { token: string }) {
  const claims = textClaims(token, ["newEmail", "collectionId"]);
  if (claims === null) return <BrokenLink />;
  return <Change token={token} email={claims.newEmail} collection={claims.collectionId} />;
}

function Change({ token, email, collection }: { token: string; email: string; collection: string }) {
  const [password, setPassword] = useState("");
  const [state, save] = useCall(() => freshClient().collection(collection).confirmEmailChange(token, password));
  if (state.is === "done") {
    return (
      <Screen icon="check" tone="ok" title="Your e-mail address is changed">
        <p className="prose">
          Sign in with <strong>{email}</strong> from now on. You are signed out everywhere else.
        </p>
      </Screen>
    );
  }
  if (state.is === "failed" && state.failure.kind === "link") {
    return (
      <Screen icon="link" tone="warn" title="This link doesn’t work any more">
        <p className="prose">
          It was used already, or it is too old. Sign in with your current address and ask for the change to{" "}
          <strong>{email}</strong> again.
        </p>
      </Screen>
    );
  }
  return (
    <Screen icon="mail" title="Confirm your new e-mail address">
      <p className="prose">Your current password shows that it is you who wants the change.</p>
      <Form onSubmit={save} state={state}>
        <TextField label="New e-mail address" name="username" type="email" autoComplete="username" value={email} />
        <PasswordField
          label="Current password"
          name="password"
          use="current"
          value={password}
          onChange={setPassword}
          error={fieldError(state, "password")}
        />
        <Button busy={state.is === "busy"}>Change e-mail address</Button>
        <Alert message={failureMessage(state, ["password"])} />
      </Form>
    </Screen>
  );
}
