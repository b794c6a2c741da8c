import { Screen } from "../../ui/Screen";
import { useClosing } from "./useClosing";

export function Success() {
  useClosing();
  return (
    <Screen icon="check" tone="ok" title="You are signed in">
      <p className="prose">You can close this window and go back to the application.</p>
    </Screen>
  );
}
