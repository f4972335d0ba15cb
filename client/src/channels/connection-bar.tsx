import { useEffect, useState } from 'react';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import type { Connection } from '../urql/socket.ts';
import type { Readable } from '../urql/value.ts';

/** An outage shorter than this is nobody's concern. */
const SILENT_MS = 2_000;

/** A slim bar, over the content so that nothing moves, for as long as a connection is being sought. */
export function ConnectionBar({ connection }: { connection: Readable<Connection> }) {
  const present = useReadable(connection);
  const isShown = useIsAfter(present.state === 'reconnecting' ? present.since + SILENT_MS : null);
  return (
    <div className="connection" role="status">
      {isShown && (
        <p className="connection-bar">
          <span className="connection-dot" aria-hidden="true" />
          {navigator.onLine ? texts.connection.reconnecting : texts.connection.offline}
        </p>
      )}
    </div>
  );
}

/** Whether that moment, in milliseconds of `Date.now()`, has passed. */
function useIsAfter(moment: number | null): boolean {
  const [passed, setPassed] = useState<number | null>(null);
  useEffect(() => {
    if (moment === null) return;
    const timer = setTimeout(() => setPassed(moment), Math.max(0, moment - Date.now()));
    return () => clearTimeout(timer);
  }, [moment]);
  return moment !== null && passed === moment;
}
