import { texts } from '../ui/texts.ts';

/** The product's logo and name. */
export function Wordmark() {
  return (
    <span className="wordmark">
      <svg className="wordmark-logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <path d="M12 5h8a9 9 0 0 1 0 18h-7l-6.2 4.1a.5.5 0 0 1-.8-.4V21A9 9 0 0 1 12 5Z" />
        <circle cx="12.5" cy="14" r="2.25" />
        <circle cx="20" cy="14" r="2.25" />
      </svg>
      {texts.app}
    </span>
  );
}
