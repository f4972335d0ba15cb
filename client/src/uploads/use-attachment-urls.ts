import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { type AttachmentPartsFragment, FilesOfMessageDocument } from '../gql/graphql.ts';

/**
 * How long before they expire URLs are renewed, plus a random part of `renewalSpreadMs`: the server signs all URLs of some
 * minutes with the same expiry, so clients would otherwise renew them at the same moment.
 */
const renewBeforeMs = 60_000;
const renewalSpreadMs = 120_000;
/** How often the time is checked. A single timer would be late after the computer was asleep. */
const checkMs = 20_000;
/** Shortest time between renewals, in case this computer's clock is wrong. */
const minRenewalIntervalMs = 60_000;

/** Returns the attachments of a message, and renews their URLs before they expire while the page is visible. */
export function useAttachmentUrls(messageId: string, attachments: readonly AttachmentPartsFragment[]) {
  const client = useClient();
  const [renewed, setRenewed] = useState<readonly AttachmentPartsFragment[]>([]);
  const current = expiryOf(renewed) > expiryOf(attachments) && attachments.length > 0 ? renewed : attachments;
  const expiry = expiryOf(current);

  useEffect(() => {
    if (expiry === 0) return;
    let dueAt = expiry - renewBeforeMs - Math.random() * renewalSpreadMs;

    async function renewIfDue(): Promise<void> {
      if (Date.now() < dueAt || document.hidden) return;
      dueAt = Date.now() + minRenewalIntervalMs;
      const request = client.query(FilesOfMessageDocument, { id: messageId }, { requestPolicy: 'network-only' });
      const { data } = await request.toPromise();
      if (data?.node && 'attachments' in data.node) setRenewed(data.node.attachments);
    }

    const check = () => void renewIfDue();
    check();
    const timer = setInterval(check, checkMs);
    document.addEventListener('visibilitychange', check);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', check);
    };
  }, [client, messageId, expiry]);

  return current;
}

/** Returns when the URLs expire, in milliseconds since the epoch; 0 if there are no attachments. */
function expiryOf([first]: readonly AttachmentPartsFragment[]): number {
  return first ? Date.parse(first.urlExpiresAt) : 0;
}
