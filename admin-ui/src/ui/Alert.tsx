/** Why the last act failed; read out when it appears. */
export function Alert({ message }: { message: string | null }) {
  return <div role="alert">{message !== null && <p className="alert">{message}</p>}</div>;
}
