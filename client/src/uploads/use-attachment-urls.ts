import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { type AttachmentPartsFragment, FilesOfMessageDocument } from '../gql/graphql.ts';

/**
 * How long before they expire URLs are renewed, plus a random part of `renewalSpreadMs`: the server signs all URLs of an
 * hour with the same expiry, so clients would otherwise renew them at the same moment.
 */
const renewBeforeMs = 300_000;
const renewalSpreadMs = 2_700_000;
/** How often the time is checked. A single timer would be late after the computer was asleep. */
const checkMs = 60_000;
/** Shortest time between renewals, in case this computer's clock is wrong. */
const minRenewalIntervalMs = 300_000;

/** Returns the attachments of a message, and renews their URLs before they expire. */
export function useAttachmentUrls(messageId: string, attachments: readonly AttachmentPartsFragment[]) {
  const client = useClient();
  const [renewed, setRenewed] = useState<readonly AttachmentPartsFragment[]>([]);
  const current = expiryOf(renewed) > expiryOf(attachments) && attachments.length > 0 ? renewed : attachments;
  const expiry = expiryOf(current);

  useEffect(() => {
    if (expiry === 0) return;
    let dueAt = expiry - renewBeforeMs - Math.random() * renewalSpreadMs;

    async function renewIfDue(): Promise<void> {
      if (Date.now() < dueAt) return;
      dueAt = Date.now() + minRenewalIntervalMs;
      const request = client.query(FilesOfMessageDocument, { id: messageId }, { requestPolicy: 'network-only' });
      const { data } = await request.toPromise();
      if (data?.node && 'attachments' in data.node) setRenewed(data.node.attachments);
    }

    void renewIfDue();
    const timer = setInterval(() => void renewIfDue(), checkMs);
    return () => clearInterval(timer);
  }, [client, messageId, expiry]);

  return current;
}

/** Returns when the URLs expire, in milliseconds since the epoch; 0 if there are no attachments. */
function expiryOf([first]: readonly AttachmentPartsFragment[]): number {
  return first ? Date.parse(first.urlExpiresAt) : 0;
}
