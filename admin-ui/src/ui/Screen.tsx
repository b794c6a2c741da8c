import { type ReactNode, useEffect, useRef } from "react";
import { Icon, type IconName } from "./Icon";

interface ScreenProps {
  icon: IconName;
  tone?: "accent" | "ok" | "warn" | "danger";
  title: string;
  children: ReactNode;
}

/**
 * One state of a page: what it is, and what to do next. A new title takes the focus, so that a screen reader tells the
 * change and the keyboard goes on from there.
 */
export function Screen({ icon, tone = "accent", title, children }: ScreenProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${window.location.host}`;
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <div className="screen">
      <main className="card">
        <div className="badge" data-tone={tone}>
          <Icon name={icon} />
        </div>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {children}
      </main>
      <footer className="host">{window.location.host}</footer>
    </div>
  );
}
