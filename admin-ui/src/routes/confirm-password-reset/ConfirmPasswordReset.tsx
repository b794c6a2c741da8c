import { useState } from "react";
import { textClaims } from "../../api/claims";
import { freshClient } from "../../api/client";
import { failureMessage, useCall } from "../../api/useCall";
import { Alert } from "../../ui/Alert";
import { Button } from "../../ui/Button";
import { Form } from "../../ui/Form";
import { Screen } from "../../ui/Screen";
import { TextField } from "../../ui/TextField";
import { BrokenLink } from "../BrokenLink";
import { ExpiredLink } from "../ExpiredLink";
import { NewPassword } from "../NewPassword";

export function ConfirmPasswordReset({ token }: { token: string }) {
  const claims = textClaims(token, ["email", "collectionId"]);
  if (claims === null) return <BrokenLink />;
  return <Reset token={token} email={claims.email} collection={claims.collectionId} />;
}

function Reset({ token, email, collection }: { token: string; email: string; collection: string }) {
  const users = freshClient().collection(collection);
  const [typed, setTyped] = useState({ password: "", repeated: "" });
  const [state, save] = useCall(() => users.confirmPasswordReset(token, typed.password, typed.repeated));
  if (state.is === "done") {
    return (
      <Screen icon="check" tone="ok" title="Your password is changed">
        <p className="prose">
          Sign in as <strong>{email}</strong> with the new one. You are signed out everywhere else.
        </p>
      </Screen>
    );
  }
  if (state.is === "failed" && state.failure.kind === "link") {
    return <ExpiredLink email={email} resend={() => users.requestPasswordReset(email)} />;
  }
  return (
    <Screen icon="key" title="Choose a new password">
      <Form onSubmit={save} state={state}>
        <TextField label="Account" name="username" type="email" autoComplete="username" value={email} />
        <NewPassword
          {...typed}
          onChange={(change) => setTyped({ ...typed, ...change })}
          state={state}
          hint="At least 8 characters."
        />
        <Button busy={state.is === "busy"}>Change password</Button>
        <Alert message={failureMessage(state, ["password", "passwordConfirm"])} />
      </Form>
    </Screen>
  );
}
