import type { ReactNode } from 'react';
import type { Failure } from '../urql/errors.ts';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import { texts } from './texts.ts';

/** Says what is not there and what to do first. */
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
  /** What could not be done. */
  what?: string;
  failure?: Failure;
  /** Instead of the usual words for the failure. */
  words?: string;
  retry?: () => void;
}

/** Says what went wrong where it did, with a way to try again. */
export function FailureNote({ what, failure, words, retry }: FailureNoteProps) {
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <p>
        {what && <strong>{what} </strong>}
        {words ?? (failure && texts.failure(failure))}
      </p>
      {retry && <Button onClick={retry}>{texts.tryAgain}</Button>}
    </div>
  );
}

/** Grey lines in place of what is being loaded, once that takes long enough to be noticed. */
export function Skeleton({ lines, look = 'row' }: { lines: number; look?: 'row' | 'message' }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">{texts.loading}</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <span key={line} className={`skeleton-${look}`} data-line={line % 4} />
      ))}
    </div>
  );
}
