/** Token for the metrics of servers under test. */
export const metricsToken = 'token-of-tests-for-metrics';

/** Fetches a probe with the token that shows metrics and details. */
export function fetchProbe(url: string, probe: 'metrics' | 'ready'): Promise<Response> {
  return fetch(`${url}/${probe}`, { headers: { authorization: `Bearer ${metricsToken}` } });
}
