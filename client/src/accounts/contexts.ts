import { createRequiredContext } from '../ui/required-context.ts';
import type { Accounts } from './accounts.ts';
import type { LocalData } from './local-data.ts';
import type { ViewerSession } from './session.ts';

/** Sign-in, sign-out and the session. Available everywhere. */
export const [AccountsContext, useAccounts] = createRequiredContext<{ accounts: Accounts; session: ViewerSession }>(
  'AccountsContext',
);

/** The signed-in user and the data that this browser stores for them. Available when signed in. */
export const [ViewerContext, useViewer] = createRequiredContext<{ viewerId: string; localData: LocalData }>(
  'ViewerContext',
);
