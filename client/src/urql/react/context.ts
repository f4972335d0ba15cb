import { createContext, createElement, type ReactNode, useContext } from 'react';
import type { Parley } from '../parley.ts';

const ParleyContext = createContext<Parley | null>(null);

/** Provides the hooks below it with a user's connection and state. */
export function ParleyProvider({ parley, children }: { parley: Parley; children?: ReactNode }) {
  return createElement(ParleyContext.Provider, { value: parley }, children);
}

/**
 * Returns the user's connection and state.
 * @throws Error outside of a `ParleyProvider`
 */
export function useParley(): Parley {
  const parley = useContext(ParleyContext);
  if (parley === null) throw new Error('Render a `ParleyProvider` around this component.');
  return parley;
}
