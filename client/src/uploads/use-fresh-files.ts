import { useEffect, useState } from 'react';
import { type AttachmentPartsFragment, FilesOfMessageDocument } from '../gql/graphql.ts';
import { useWorkspace } from '../parley-context.tsx';

/** URLs are renewed so long before they end, or up to SPREAD_MS sooner: those of all files end at the same moment. */
const EARLY_MS = 300_000;
const SPREAD_MS = 2_700_000;
/** How often the clock is looked at: a timer would be late after the computer has slept. */
const CHECK_MS = 60_000;
/** So long after one try comes the next, however wrong this computer's clock is. */
const RETRY_MS = 300_000;

/** The files of a message with URLs that work: they are asked for again before they end. */
export function useFreshFiles(messageId: string, given: readonly AttachmentPartsFragment[]) {
  const { client } = useWorkspace();
  const [renewed, setRenewed] = useState<readonly AttachmentPartsFragment[]>([]);
  const files = endOf(renewed) > endOf(given) && given.length > 0 ? renewed : given;
  const end = endOf(files);

  useEffect(() => {
    if (end === 0) return;
    let dueAt = end - EARLY_MS - Math.random() * SPREAD_MS;

    async function renew(): Promise<void> {
      if (Date.now() < dueAt) return;
      dueAt = Date.now() + RETRY_MS;
      const asked = client.query(FilesOfMessageDocument, { id: messageId }, { requestPolicy: 'network-only' });
      const { data } = await asked.toPromise();
      if (data?.node && 'attachments' in data.node) setRenewed(data.node.attachments);
    }

    void renew();
    const timer = setInterval(() => void renew(), CHECK_MS);
    return () => clearInterval(timer);
  }, [client, messageId, end]);

  return files;
}

/** When the URLs of files end, in epoch milliseconds; 0 for none. */
function endOf([first]: readonly AttachmentPartsFragment[]): number {
  return first ? Date.parse(first.urlExpiresAt) : 0;
}
