import { useState } from "react";
import { STRENGTH_WORDS, strength } from "./strength";
import { TextField } from "./TextField";

interface PasswordFieldProps {
  label: string;
  name: string;
  use: "new" | "current";
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  error?: string | undefined;
  /** Shows how hard it is to guess. */
  measured?: true;
}

/** An input for a password, which can be shown. */
export function PasswordField({ use, measured, hint, ...field }: PasswordFieldProps) {
  const [shown, setShown] = useState(false);
  const level = measured ? strength(field.value) : 0;
  return (
    <TextField
      {...field}
      hint={level === 0 ? (hint ?? "") : `${STRENGTH_WORDS[level]}. ${level < 3 ? "Longer is stronger." : ""}`}
      type={shown ? "text" : "password"}
      autoComplete={use === "new" ? "new-password" : "current-password"}
      toggle={
        <button
          type="button"
          aria-pressed={shown}
          aria-label={`Show ${field.label.toLowerCase()}`}
          onClick={() => setShown(!shown)}
        >
          {shown ? "Hide" : "Show"}
        </button>
      }
      meter={
        measured && (
          <div className="strength" data-level={level} aria-hidden="true">
            <i />
            <i />
            <i />
            <i />
          </div>
        )
      }
    />
  );
}
