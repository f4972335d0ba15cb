import { type Context, createContext, use } from 'react';

/**
 * Creates a context without a default value, and the hook that reads it.
 * @param name of the context, for the error that the hook throws outside of the provider
 */
export function createRequiredContext<T extends object>(name: string): [Context<T | null>, () => T] {
  const context = createContext<T | null>(null);
  context.displayName = name;
  return [context, useRequired];

  function useRequired(): T {
    const value = use(context);
    if (value === null) throw new Error(`A component was rendered outside of ${name}.`);
    return value;
  }
}
