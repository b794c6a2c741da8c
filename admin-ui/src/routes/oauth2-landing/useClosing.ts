import { useEffect } from "react";

/** Closes the pop-up, where the browser lets it: the application has heard the outcome over its own connection. */
export function useClosing() {
  useEffect(() => window.close(), []);
}
