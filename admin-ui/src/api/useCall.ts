import { useState } from "react";
import { type Failure, messageBeside, readFailure } from "./failure";

export type CallState = { is: "idle" } | { is: "busy" } | { is: "done" } | { is: "failed"; failure: Failure };

/** Runs a call to the server, one at a time, and says how it stands. */
export function useCall(call: () => Promise<unknown>): [CallState, () => void] {
  const [state, setState] = useState<CallState>({ is: "idle" });
  const run = () => {
    if (state.is === "busy") return;
    setState({ is: "busy" });
    call().then(
      () => setState({ is: "done" }),
      (error: unknown) => setState({ is: "failed", failure: readFailure(error) }),
    );
  };
  return [state, run];
}

/** The failure that belongs to none of these inputs: theirs stand beside them. */
export function failureMessage(state: CallState, inputs: readonly string[] = []): string | null {
  return state.is === "failed" ? messageBeside(state.failure, inputs) : null;
}

/** The error of one input. */
export function fieldError(state: CallState, name: string): string | undefined {
  return state.is === "failed" ? state.failure.fields[name] : undefined;
}
