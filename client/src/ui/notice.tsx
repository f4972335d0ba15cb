import type { ReactNode } from 'react';
import type { Failure } from '../urql/errors.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import { texts } from './texts.ts';

/** Shown instead of an empty list: says that it is empty and suggests a first action. */
export function EmptyState({ title, hint, children }: { title: string; hint?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {hint && <p className="empty-hint">{hint}</p>}
      {children && <div className="empty-actions">{children}</div>}
    </div>
  );
}

interface FailureNoteProps {
  /** Names the action that failed. */
  title?: string;
  failure?: Failure;
  /** Replaces the usual text for the failure. */
  text?: string;
  retry?: () => void;
}

/** Shows an error next to its cause, with a button to retry. */
export function FailureNote({ title, failure, text, retry }: FailureNoteProps) {
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <p>
        {title && <strong>{title} </strong>}
        {text ?? (failure && texts.failure(failure))}
      </p>
      {retry && <Button onClick={retry}>{texts.tryAgain}</Button>}
    </div>
  );
}

/** Grey lines in place of content that is loading. They appear only after a short delay. */
export function Skeleton({ lines, variant = 'row' }: { lines: number; variant?: 'row' | 'message' }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">{texts.loading}</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines have no identity
        <span key={line} className={`skeleton-${variant}`} data-line={line % 4} />
      ))}
    </div>
  );
}
