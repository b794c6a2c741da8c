import { Screen } from "../../ui/Screen";
import { useClosing } from "./useClosing";

export function Failure() {
  useClosing();
  return (
    <Screen icon="cross" tone="danger" title="The sign-in failed">
      <p className="prose">Close this window, go back to the application and try again.</p>
    </Screen>
  );
}
