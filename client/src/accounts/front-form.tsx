import type { FormEvent, ReactNode } from 'react';
import { Wordmark } from './wordmark.tsx';

interface FrontFormProps {
  title: string;
  /** Shown below the title. */
  lead?: string | undefined;
  onSubmit(event: FormEvent<HTMLFormElement>): void;
  children: ReactNode;
}

/** A form about an account that fills the screen. */
export function FrontForm({ title, lead, onSubmit, children }: FrontFormProps) {
  return (
    <div className="front">
      <form className="front-card" onSubmit={onSubmit} noValidate>
        <Wordmark />
        <h1 className="front-title">{title}</h1>
        {lead && <p className="front-lead">{lead}</p>}
        {children}
      </form>
    </div>
  );
}
