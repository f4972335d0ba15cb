import type { ReactNode } from 'react';
import { Icon } from './icon.tsx';
import { href, type Route } from './route.ts';
import { texts } from './texts.ts';

interface PaneProps {
  title: ReactNode;
  subtitle?: ReactNode;
  /** Shown before the title. */
  picture?: ReactNode;
  /** Buttons at the end of the header. */
  actions?: ReactNode;
  /** Target of the back button, which phones show. */
  back?: Route;
  children: ReactNode;
}

/** The main part of a screen: a header and the content below it. */
export function Pane({ title, subtitle, picture, actions, back = { screen: 'home' }, children }: PaneProps) {
  return (
    <section className="pane">
      <header className="pane-header">
        <a className="icon-button icon-button-quiet pane-back" href={href(back)} aria-label={texts.back}>
          <Icon name="back" />
        </a>
        {picture}
        <div className="pane-heading">
          <h1 className="pane-title">{title}</h1>
          {subtitle && <p className="pane-subtitle">{subtitle}</p>}
        </div>
        {actions && <div className="pane-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}
