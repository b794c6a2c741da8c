import { type HTMLInputAutoCompleteAttribute, type ReactNode, useId } from "react";

export interface TextFieldProps {
  label: string;
  name: string;
  type?: "text" | "email" | "password";
  autoComplete: HTMLInputAutoCompleteAttribute;
  value: string;
  onChange?: (value: string) => void;
  /** Shown below until there is an error. */
  hint?: string;
  error?: string | undefined;
  /** A button inside the input, at its end. */
  toggle?: ReactNode;
  /** Between the input and the line below. */
  meter?: ReactNode;
}

/** A labelled input with one line below, for its hint or its error. Without `onChange` it is read-only. */
export function TextField({
  label,
  name,
  type = "text",
  error,
  hint,
  toggle,
  meter,
  onChange,
  ...input
}: TextFieldProps) {
  const id = useId();
  const help = error ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="control" data-with-toggle={toggle === undefined ? undefined : ""}>
        <input
          {...input}
          id={id}
          name={name}
          type={type}
          readOnly={onChange === undefined}
          required={onChange !== undefined}
          autoCapitalize="none"
          spellCheck={false}
          aria-invalid={error !== undefined}
          aria-describedby={help === undefined ? undefined : `${id}-help`}
          onChange={(event) => onChange?.(event.target.value)}
        />
        {toggle}
      </div>
      {meter}
      {onChange !== undefined && (
        <p id={`${id}-help`} className="help" data-error={error === undefined ? undefined : ""}>
          {help}
        </p>
      )}
    </div>
  );
}
