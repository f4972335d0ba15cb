import { useAccounts } from '../accounts/contexts.ts';
import { Button } from '../ui/button.tsx';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import { useMessaging } from './context.ts';
import { DeliveryState, MessageHead } from './message-parts.tsx';
import { MessageText } from './message-text.tsx';
import type { PendingMessage } from './outbox.ts';
import type { Row } from './rows.ts';

/** A message of the viewer that the server has not acknowledged yet. */
export function PendingRow({ row }: { row: Extract<Row, { kind: 'pending' }> }) {
  const viewer = useReadable(useAccounts().session)?.user;
  const { pending, isFirst } = row;
  return (
    <>
      {viewer && isFirst && <MessageHead author={viewer} at={pending.writtenAt} />}
      <div className="bubble" data-state={pending.state}>
        <MessageText text={pending.text || texts.files.attachment} />
        <span className="bubble-foot">
          <PendingState state={pending.state} />
        </span>
      </div>
      {pending.state === 'failed' && <SendFailure pending={pending} />}
    </>
  );
}

function PendingState({ state }: { state: PendingMessage['state'] }) {
  const { connection } = useMessaging();
  const isOffline = useReadable(connection).state === 'reconnecting';
  if (state === 'failed') return <DeliveryState icon="alert" label={texts.messages.notSent} />;
  return (
    <DeliveryState icon="clock" label={isOffline ? texts.messages.waitingForConnection : texts.messages.sending} />
  );
}

function SendFailure({ pending: { clientId, failure } }: { pending: PendingMessage }) {
  const { outbox } = useMessaging();
  return (
    <div className="not-sent" role="alert">
      <p>
        <strong>{texts.messages.notSent}</strong> {failure && texts.failure(failure)}
      </p>
      <Button variant="link" onClick={() => outbox.retry(clientId)}>
        {texts.tryAgain}
      </Button>
      <Button variant="link" onClick={() => outbox.discard(clientId)}>
        {texts.messages.discard}
      </Button>
    </div>
  );
}
