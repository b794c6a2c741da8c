/** Why the last act failed; read out when it appears. It stands below the act, so that nothing moves. */
export function Alert({ message }: { message: string | null }) {
  return <div role="alert">{message !== null && <p className="alert">{message}</p>}</div>;
}
