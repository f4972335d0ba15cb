import { texts } from '../ui/texts.ts';
import { useNow } from '../ui/use-now.ts';
import { useMatching } from './context.ts';
import { SpeechBubbles } from './speech-bubbles.tsx';

/** Shown while searching. `since`: start of the search, in milliseconds since the epoch. */
export function SearchProgress({ since }: { since: number }) {
  const matching = useMatching();
  const seconds = Math.max(0, Math.floor((useNow(1_000) - since) / 1_000));
  const tags = matching.tags();
  return (
    <div className="waiting">
      <SpeechBubbles isSearching />
      <p className="waiting-note" role="status">
        {texts.match.waitingNote(seconds)}
      </p>
      <p className="waiting-time">
        {texts.match.waited} <span className="waiting-clock">{texts.match.waitedFor(seconds)}</span>
      </p>
      {tags.length > 0 && (
        <ul className="tags">
          {tags.map((tag) => (
            <li key={tag} className="tag">
              {tag}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
