import type { ReactNode } from "react";

interface ButtonProps {
  /** While the act goes on: the words stay, and another click does nothing. */
  busy: boolean;
  /** Without it the button sends its form. */
  onClick?: () => void;
  children: ReactNode;
}

export function Button({ busy, onClick, children }: ButtonProps) {
  return (
    <button
      type={onClick === undefined ? "submit" : "button"}
      className="button"
      // Not `disabled`: that would take the focus away.
      aria-disabled={busy}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {busy && <span className="spinner" aria-hidden="true" />}
      {children}
    </button>
  );
}
