import { createContext, use } from 'react';
import type { Accounts } from './accounts/sign-in.ts';
import type { ViewerSession } from './accounts/viewer.ts';
import type { Workspace } from './workspace.ts';

export interface AccountsValue {
  accounts: Accounts;
  session: ViewerSession;
}

export const AccountsContext = createContext<AccountsValue | null>(null);
export const WorkspaceContext = createContext<Workspace | null>(null);

/** The ways in and out, anywhere in the app. */
export function useAccounts(): AccountsValue {
  return present(use(AccountsContext));
}

/** What belongs to the signed-in viewer; only inside the signed-in part of the app. */
export function useWorkspace(): Workspace {
  return present(use(WorkspaceContext));
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error('This part of the app was rendered outside of its provider.');
  return value;
}
