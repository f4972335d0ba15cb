import { useEffect, useState } from 'react';

/** Returns whether this server has GraphiQL at `/graphql`: false until it has said so. */
export function useExplorer(): boolean {
  const [hasExplorer, setExplorer] = useState(false);
  useEffect(() => {
    const stopped = new AbortController();
    isExplorerOn(stopped.signal).then(setExplorer, () => {});
    return () => stopped.abort();
  }, []);
  return hasExplorer;
}

async function isExplorerOn(signal: AbortSignal): Promise<boolean> {
  const response = await fetch('/graphql/explorer', { signal });
  return response.ok && (await response.json()).isOn === true;
}
