import { useWorkspace } from '../parley-context.tsx';
import { texts } from '../ui/texts.ts';
import { useNow } from '../ui/use-now.ts';
import { Strangers } from './strangers.tsx';

/** A quiet wait. `since`: milliseconds of `Date.now()`. */
export function Waiting({ since }: { since: number }) {
  const { matching } = useWorkspace();
  const seconds = Math.max(0, Math.floor((useNow(1_000) - since) / 1_000));
  const tags = matching.tags();
  return (
    <div className="waiting">
      <Strangers isSearching />
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
