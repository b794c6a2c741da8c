import { type CallState, fieldError } from "../api/useCall";
import { PasswordField } from "../ui/PasswordField";

interface NewPasswordProps {
  password: string;
  repeated: string;
  /** The one or the other. */
  onChange: (change: { password?: string; repeated?: string }) => void;
  state: CallState;
  hint: string;
}

/** A new password, twice, with what the server said of each. */
export function NewPassword({ password, repeated, onChange, state, hint }: NewPasswordProps) {
  return (
    <>
      <PasswordField
        label="New password"
        name="password"
        use="new"
        measured
        hint={hint}
        value={password}
        onChange={(value) => onChange({ password: value })}
        error={fieldError(state, "password")}
      />
      <PasswordField
        label="New password again"
        name="passwordConfirm"
        use="new"
        value={repeated}
        onChange={(value) => onChange({ repeated: value })}
        error={fieldError(state, "passwordConfirm")}
      />
    </>
  );
}
