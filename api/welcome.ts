import { urlHost } from './address.ts';
import type { Config } from './config.ts';

/**
 * Returns the sentence that a started process prints: where to reach it, by its public URL, or by an address that works on this
 * machine.
 * @param port port that it listens on
 */
export function welcome({ SERVICES, HOST, PUBLIC_URL, TLS_CERT_FILE, GRAPHIQL }: Config, port: number): string {
  const address = `${urlHost(HOST)}:${port}`;
  if (!SERVICES.includes('gateway')) return `Parley's bridge is ready; its probes are at http://${address}/ready.`;
  const url = PUBLIC_URL ?? `${TLS_CERT_FILE ? 'https' : 'http'}://${address}`;
  return `Parley is ready at ${url}${GRAPHIQL === 'on' ? ` (GraphiQL at ${url}/graphql)` : ''}.`;
}
