const PATHS = {
  check: "M5 12.5 10 17.5 19 7",
  cross: "M7 7 17 17M17 7 7 17",
  key: "M12 16a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM10.900 13.100 20 4M15.500 8.500l3 3",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1",
  mail: "M4 6h16v12H4ZM4 7l8 6 8-6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.500 20a7.500 7.500 0 0 1 15 0",
  server: "M5 4h14v7H5ZM5 13h14v7H5ZM8.500 7.500h.01M8.500 16.500h.01",
} as const;

export type IconName = keyof typeof PATHS | "wait";

/** A picture beside words that say the same. */
export function Icon({ name }: { name: IconName }) {
  if (name === "wait") return <span className="spinner" aria-hidden="true" />;
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.75" aria-hidden="true">
      <path d={PATHS[name]} strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
