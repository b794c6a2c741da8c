import { Screen } from "../../ui/Screen";

/** Stands where the dashboard will be. */
export function NotYet() {
  const api = new URL("../api/", window.location.href).href;
  return (
    <Screen icon="server" title="Monobase is running">
      <p className="prose">The dashboard isn’t part of this version yet. Until it is, the server is used like this:</p>
      <dl className="facts">
        <div>
          <dt>REST API, for the official SDKs</dt>
          <dd>
            <code className="snippet">{api}</code>
          </dd>
        </div>
        <div>
          <dt>Create a superuser, on the server</dt>
          <dd>
            <code className="snippet">monobase superuser upsert EMAIL PASS</code>
          </dd>
        </div>
        <div>
          <dt>Is it well?</dt>
          <dd>
            <a href="../api/health">Look at its health</a>
          </dd>
        </div>
      </dl>
    </Screen>
  );
}
