import type { Logged, Outcome } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { storeOutcomes } from '../infra/database/outcomes.ts';
import { applyChange } from './changes.ts';
import { type Changeset, createChangeset } from './changeset.ts';
import { applyEdits } from './edits.ts';
import { applyReactions } from './reactions.ts';
import { writeReplyCounts } from './reply-counts.ts';
import { applySends } from './sends.ts';
import { type Step, toSteps } from './steps.ts';

/**
 * Applies events in order. Nothing else writes channels, members and entries. An event whose outcome is stored gets that
 * outcome again and changes nothing.
 * @param query of the transaction that has locked the log's position
 * @param known stored outcomes of the events, read by this transaction after it had locked the position
 * @returns the changes, to be published after the commit
 */
export async function applyEvents(
  query: Query,
  events: readonly Logged[],
  known: ReadonlyMap<string, Outcome>,
): Promise<Changeset> {
  const changeset = createChangeset();
  for (const step of toSteps(events, known)) await applyStep(query, step, changeset);
  await writeReplyCounts(query, changeset);
  await storeOutcomes(query, changeset.outcomes.filter(needsStoring));
  return changeset;
}

async function applyStep(query: Query, step: Step, changeset: Changeset): Promise<void> {
  switch (step.kind) {
    case 'sends':
      return applySends(query, step.events, changeset);
    case 'edits':
      return applyEdits(query, step.events, changeset);
    case 'reactions':
      return applyReactions(query, step.events, changeset);
    case 'change':
      return applyChange(query, step.event, changeset);
    case 'known':
      changeset.outcomes.push(step);
      return;
    case 'repeated':
      changeset.outcomes.push(
        ...changeset.outcomes.filter(({ event }) => event.eventId === step.event.eventId).slice(0, 1),
      );
      return;
    default:
      throw new Error(`unknown step ${JSON.stringify(step satisfies never)}`);
  }
}

/** The entry of an accepted send takes the place of its outcome. */
function needsStoring({ event, outcome }: Changeset['outcomes'][number]): boolean {
  return event.type !== 'MessageSent' || !outcome.applied;
}
