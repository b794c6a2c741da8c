import { type ReactElement, useSyncExternalStore } from "react";
import { ConfirmEmailChange } from "../routes/confirm-email-change/ConfirmEmailChange";
import { ConfirmPasswordReset } from "../routes/confirm-password-reset/ConfirmPasswordReset";
import { ConfirmVerification } from "../routes/confirm-verification/ConfirmVerification";
import { NotYet } from "../routes/dashboard/NotYet";
import { Installer } from "../routes/installer/Installer";
import { Failure } from "../routes/oauth2-landing/Failure";
import { Success } from "../routes/oauth2-landing/Success";
import { type Route, readRoute } from "./route";

/**
 * Shows the page that the hash names. Another hash is another page: nothing is carried over. The guest pages are so small
 * that one file is quicker than one each; what the dashboard adds is loaded when it is opened.
 */
export function App() {
  const hash = useSyncExternalStore(watchHash, () => window.location.hash);
  return <Page key={hash} route={readRoute(hash)} />;
}

function Page({ route }: { route: Route }): ReactElement {
  switch (route.page) {
    case "confirm-verification":
      return <ConfirmVerification token={route.token} />;
    case "confirm-password-reset":
      return <ConfirmPasswordReset token={route.token} />;
    case "confirm-email-change":
      return <ConfirmEmailChange token={route.token} />;
    case "installer":
      return <Installer token={route.token} />;
    case "oauth2-success":
      return <Success />;
    case "oauth2-failure":
      return <Failure />;
    case "dashboard":
      return <NotYet />;
  }
}

function watchHash(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}
