import { type ReactNode, useEffect, useRef } from "react";
import type { CallState } from "../api/useCall";

interface FormProps {
  onSubmit: () => void;
  state: CallState;
  children: ReactNode;
}

/** A form whose server checks. After a refusal the first input that is marked takes the focus. */
export function Form({ onSubmit, state, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (state.is === "failed") form.current?.querySelector<HTMLInputElement>('[aria-invalid="true"]')?.focus();
  }, [state]);
  return (
    <form
      ref={form}
      className="form"
      method="post"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}
