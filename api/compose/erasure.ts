import { createAccountSteps } from '../domain/erasure/account-steps.ts';
import { createChannelSteps } from '../domain/erasure/channel-steps.ts';
import { createErasures, type Erasures } from '../domain/erasure/erasures.ts';
import type { Submit } from '../domain/submit-event.ts';
import type { Database } from '../infra/database/database.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Open } from './lifecycle.ts';

/** Opens the erasure of users: one step for each kind of data that refers to a user. */
export async function openErasures(given: {
  open: Open;
  metrics: Metrics;
  database: Database;
  objects: Objects;
  submit: Submit;
  logger: Logger;
}): Promise<Erasures> {
  const { database, objects, submit } = given;
  const { query } = database;
  const steps = [...createChannelSteps({ query, submit }), ...createAccountSteps({ query, objects })];
  const erasures = await given.open('erasures', createErasures({ ...given, steps }));
  given.metrics.count('erasures_total', 'Users whose erasure this process has completed.', erasures.completed);
  return erasures;
}
