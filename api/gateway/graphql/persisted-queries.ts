import { useAPQ } from '@graphql-yoga/plugin-apq';
import { maxStoredLetters } from '../request-limits.ts';
import { createTextCache } from './text-cache.ts';

/**
 * Automatic persisted queries (APQ): a client sends the SHA-256 of a query, and its text only if this process does not know
 * it yet. The least recently used queries are forgotten beyond `maxStoredLetters`.
 */
export const usePersistedQueries = () => useAPQ({ store: createTextCache(maxStoredLetters) });
