/** Token for the metrics of servers under test. */
export const metricsToken = 'token-of-tests-for-metrics';

/** Fetches a probe with the token that shows metrics and details. */
export function fetchProbe(url: string, probe: 'metrics' | 'ready'): Promise<Response> {
  return fetch(`${url}/${probe}`, { headers: { authorization: `Bearer ${metricsToken}` } });
}

/** Fetches the value of a metric without labels. @param name its name without `parley_` */
export async function fetchMetric(url: string, name: string): Promise<number> {
  const text = await (await fetchProbe(url, 'metrics')).text();
  return Number(new RegExp(`^parley_${name} (\\S+)$`, 'm').exec(text)?.[1]);
}
