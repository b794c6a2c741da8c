import { Screen } from "../ui/Screen";

/** For a link whose token can't even be read: most often a mail program has cut it. */
export function BrokenLink() {
  return (
    <Screen icon="link" tone="warn" title="This link is incomplete">
      <p className="prose">
        A part of its address is missing. Open it again from the mail, or copy the whole address from there.
      </p>
    </Screen>
  );
}
